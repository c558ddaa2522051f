// One design to run: a scenario file, or one variant of it, read and checked.
#pragma once

#include <string>
#include <vector>

#include "sim/serving/serving_scenario.hpp"

namespace moesim {

struct Design {
  std::string file;
  std::string variant;  ///< empty: the file has none
  Node document;
  ServingScenario scenario;
  ScenarioPlaces places;
};

/// Every design of every file, with `overrides` applied; `variant` picks one by name (empty: all).
/// Throws InputError.
std::vector<Design> read_designs(const std::vector<std::string>& files,
                                 const std::vector<std::string>& overrides,
                                 const std::string& variant);

}  // namespace moesim
