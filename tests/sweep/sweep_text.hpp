// Sweep files given as text, for the tests of this folder.
#pragma once

#include <string>
#include <vector>

#include "sim/report/result_figures.hpp"
#include "sim/sweep/sweep_file.hpp"

namespace moesim::test {

inline const std::string kScenario = "scenario: {seed: 7, engine: {max_sequences: 4}}\n";
inline const std::string kObjectives = "objectives: [{maximize: throughput.requests_per_s}]\n";

/// The definition in `text`, as if it stood in sweep.yaml.
inline SweepFile sweep_of(const std::string& text) {
  return read_sweep_definition(parse_yaml(text, "sweep.yaml"), figure_names);
}

/// Axes alone, around them what a sweep needs.
inline SweepFile sweep_with_axes(const std::string& axes, const std::string& more = "") {
  return sweep_of(kScenario + "axes:\n" + axes + kObjectives + more);
}

inline std::vector<std::string> labels(const Axis& axis) {
  std::vector<std::string> all;
  for (const auto& value : axis.values) all.push_back(value.label);
  return all;
}

}  // namespace moesim::test
