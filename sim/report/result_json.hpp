// A Result as the JSON that other programs read: the stable keys of README, section "Result", SI
// units in the key, a section that does not apply to the run absent. Identical Results give
// identical bytes. Leaves out the series (requests, steps, phases): request_csv.hpp and
// chrome_trace.hpp have them.
#pragma once

#include <string>
#include <string_view>

#include "sim/metrics/result.hpp"

namespace moesim {

/// Value of the key `schema`; it changes when a key changes its meaning or goes.
inline constexpr std::string_view kResultSchema = "moesim-result-1";

/// Throws SimulationError when a figure is not finite.
std::string result_json(const Result& result);

/// The same run under the key names of vLLM's serving benchmark (vllm/benchmarks/serve.py, formerly
/// benchmark_serving.py): times in milliseconds, `duration` the simulated time. The lists per
/// request are in order of id; `std_` is numpy's (population) deviation and is left out for ITL,
/// whose gaps are not kept.
std::string vllm_json(const Result& result);

}  // namespace moesim
