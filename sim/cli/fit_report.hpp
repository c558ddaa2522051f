// What `moesim calibrate` prints about a profile: its hold-out errors by operation, and executed
// MoE layers against their prediction.
#pragma once

#include <string>
#include <vector>

#include "calibrate/layer_check.hpp"

namespace moesim {

/// One row per fit, split and tier, over all regimes.
std::string hold_out_table(const Profile& profile);
/// One row per group of layers: points, mean, median and 90th percentile of |error|, bias.
std::string layer_error_table(const std::vector<LayerError>& layers);

/// The check of a profile against a table with executed layers, printed to stdout. Throws
/// InputError for a table without layers or a profile without what they need.
void print_layer_check(const std::string& profile_path, const std::string& layer_csv);

}  // namespace moesim
