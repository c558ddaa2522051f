// What a finished sweep leaves in its folder, the same for `sweep` and `merge`.
#pragma once

#include <string>

#include "sim/sweep/table.hpp"

namespace moesim {

/// points.csv, points.json, the pictures (gnuplot scripts, data, SVG, PNG, PDF), report.html.
void write_sweep_folder(const SweepTable& table, const std::string& directory);

}  // namespace moesim
