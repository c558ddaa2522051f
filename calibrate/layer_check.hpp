// The held-out check of a measured profile: whole MoE layers that were executed (operation
// moe_layer of the suite) against what the profile predicts for them from the pieces it was fitted
// to: gate, permute, experts, combine. No layer goes into any fit.
#pragma once

#include <vector>

#include "calibrate/suite.hpp"

namespace moesim {

struct LayerError {
  LayerTiming sample;
  double predicted_s = 0;
  bool measured = false;  ///< inside the measured range of every piece

  double error() const { return predicted_s / sample.time_s - 1; }
};

/// In the order of the samples. Throws InputError when the profile has no fit for the experts or
/// the gate of the layers, or experts without permute and combine.
std::vector<LayerError> check_layers(const Profile& profile, const Device& device,
                                     const std::vector<LayerTiming>& samples);

struct LayerGroup {
  std::string name;  ///< "all", "shape 256 x 512, 16 experts, top 2", "skew 0.7", "64 tokens"
  std::vector<double> errors;
};
/// All together, by shape, by skew, by number of tokens; each ascending.
std::vector<LayerGroup> grouped(const std::vector<LayerError>& layers);

}  // namespace moesim
