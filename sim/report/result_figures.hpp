// A result's numbers under the dotted names of its JSON ("ttft_s.p99"), for formulas, sweep tables
// and exports: what the scenario decides, so wall time and memory of the run are left out. `gpus`
// is added, for prices.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/metrics/result.hpp"

namespace moesim {

std::vector<std::pair<std::string, double>> result_figures(const Result& result);

/// Every name that a run can report, except those below `time_breakdown_s`, which depend on the
/// model.
std::vector<std::string> figure_names();

}  // namespace moesim
