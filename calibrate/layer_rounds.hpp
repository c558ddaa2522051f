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

struct LayerRound {
  std::vector<LayerError> layers;
  double anchor_cv = 0;  ///< how far repeated points of this round differ

  /// Mean of |error|.
  double mean() const;
};

/// One round; `seed` orders the points. `progress` is told which program runs. Throws InputError
/// when the programs are not built, BenchError when one fails.
LayerRound run_layer_round(std::uint64_t seed,
                           const std::function<void(const std::string&)>& progress);

}  // namespace moesim
