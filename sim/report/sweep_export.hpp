// A sweep as files for other programs: one row per point, in the order of the sweep. The same
// results give the same bytes, whoever found them in whatever order; wall times are not in it.
#pragma once

#include <string>

#include "sim/sweep/table.hpp"

namespace moesim {

/// Columns: axes, seed, state, error, metrics, then every figure that any point reports. Points
/// that a search did not run are left out.
std::string sweep_csv(const SweepTable& table);

/// {"title", "question", "axes", "objectives", "constraints", "points": [...], "front": [...],
/// "best": {...}}; designs of `front` and `best` by their first point.
std::string sweep_json(const SweepTable& table);

}  // namespace moesim
