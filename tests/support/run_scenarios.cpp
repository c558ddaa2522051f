#include "tests/support/run_scenarios.hpp"

#include "sim/cli/simulate.hpp"
#include "sim/core/error.hpp"
#include "sim/serving/serving.hpp"

namespace moesim::test {

std::vector<Result> run_scenarios(const std::vector<std::string>& yaml) {
  std::vector<Design> designs;
  for (const auto& text : yaml) {
    Design design;
    design.document = parse_yaml(text, "test.yaml");
    design.scenario = read_serving_scenario(design.document);
    design.places = places_of(design.document);
    designs.push_back(std::move(design));
  }
  return simulate(designs, {});
}

Result run_scenario(const std::string& yaml) { return run_scenarios({yaml}).front(); }

std::string refusal_of(const std::string& yaml) {
  try {
    const Node document = parse_yaml(yaml, "test.yaml");
    const Serving serving(read_serving_scenario(document), places_of(document));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

double phase_s(const Result& result, const std::string& name) {
  for (const auto& [phase, seconds] : result.time_breakdown_s)
    if (phase == name) return seconds;
  return 0;
}

}  // namespace moesim::test
