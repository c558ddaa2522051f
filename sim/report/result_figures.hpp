// A result's numbers under the dotted names of its JSON ("ttft_s.p99"), for formulas, sweep tables
// and exports: what the scenario decides, so wall time and memory of the run are left out. `gpus`
// is added, for prices.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/engine/collective_study.hpp"
#include "sim/metrics/result.hpp"

namespace moesim {

using ResultFigures = std::vector<std::pair<std::string, double>>;

ResultFigures result_figures(const Result& result);
/// Of a study with one outcome; link loads and flow times are left out.
ResultFigures result_figures(const StudyResult& study);

/// Every name that a run of the scenario can report, by its kind; except those below
/// `time_breakdown_s`, which depend on the model.
std::vector<std::string> figure_names(const Node& scenario);

}  // namespace moesim
