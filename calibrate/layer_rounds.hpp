// Executes MoE layers on the CPU and predicts them from their pieces, measured around them: pieces,
// layers, pieces, so that a machine which others use too is the same for both, with points of the
// anchor in between to know how steady it was. Of a piece the faster of its two measurements
// counts. Runs the programs of kernels/ as `moesim calibrate bench` does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "calibrate/layer_check.hpp"

namespace moesim {

/// A program that executes something, and the profile of this CPU from the pieces around it.
struct Executed {
  CsvTable table;
  Profile profile;
  Device device;
  double anchor_cv = 0;  ///< how far repeated points of this round differ
};

/// Throws InputError when the programs are not built, BenchError when one fails. `seed` orders the
/// points; `progress` is told which program runs.
Executed execute_between_pieces(const std::string& program, std::uint64_t seed,
                                const std::function<void(const std::string&)>& progress);

struct LayerRound {
  std::vector<LayerError> layers;
  double anchor_cv = 0;  ///< how far repeated points of this round differ

  /// Mean of |error|.
  double mean() const;
};

/// One round of whole layers.
LayerRound run_layer_round(std::uint64_t seed,
                           const std::function<void(const std::string&)>& progress);

}  // namespace moesim
