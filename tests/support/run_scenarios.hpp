// Runs scenarios given as YAML text, each in a process of its own, so that one test can compare
// several runs.
#pragma once

#include <string>
#include <vector>

#include "sim/metrics/result.hpp"

namespace moesim::test {

std::vector<Result> run_scenarios(const std::vector<std::string>& yaml);
Result run_scenario(const std::string& yaml);

/// Why a scenario is refused before it runs, with its place; "" when it is not.
std::string refusal_of(const std::string& yaml);

/// The value of a phase in time_breakdown_s; 0 when it is not there.
double phase_s(const Result& result, const std::string& name);

}  // namespace moesim::test
