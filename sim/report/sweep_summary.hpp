// The answer of a sweep as text: how many points, the best designs by the first objective, which of
// them are on the Pareto front, and what failed.
#pragma once

#include <string>

#include "sim/sweep/table.hpp"

namespace moesim {

/// At most `most` designs, best first, those that meet the constraints before those that do not.
std::string sweep_summary(const SweepTable& table, std::size_t most = 12);

/// Designs with values, best first.
std::vector<std::size_t> ranked_designs(const SweepTable& table);

}  // namespace moesim
