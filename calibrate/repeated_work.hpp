// Rows of one kernel's table that are the same work, timed twice: what no prediction can be better
// than. Two models can leave a rank the same rows on the same experts, a table can hold a shape
// twice. Whatever is predicted for both of such a pair, on one of them it is off by at least
// (slower - faster) / (slower + faster). Skewed rows are left out: of those only the distribution
// is known, not the draw.
#pragma once

#include <span>
#include <vector>

#include "calibrate/samples.hpp"

namespace moesim {

/// One for each pair of rows that are the same work. The samples are of one kernel and format.
std::vector<double> least_errors(std::span<const ExpertsSample> samples);
std::vector<double> least_errors(std::span<const AttentionSample> samples);

}  // namespace moesim
