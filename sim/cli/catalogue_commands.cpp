// The commands that only print what moesim knows: compare, model, list, schema.
#include <fmt/core.h>

#include "models/architecture/catalog.hpp"
#include "sim/cli/command.hpp"
#include "sim/report/compare.hpp"
#include "sim/report/json_schema.hpp"
#include "sim/report/model_show.hpp"
#include "sim/report/reference.hpp"

namespace moesim {

int compare_command(const std::string& a, const std::string& b) {
  const auto first = read_result_json(a);
  fmt::print("{}", comparison_table(compare(first, read_result_json(b))));
  return 0;
}

int model_list_command() {
  for (const auto& name : model_names()) fmt::print("{}\n", name);
  return 0;
}

int model_show_command(const std::vector<std::string>& names) {
  for (const auto& name : names) fmt::print("{}", show_model(load_model(name)));
  return 0;
}

int list_command(const ListOptions& options) {
  fmt::print("{}", options.markdown   ? reference_markdown()
                   : options.scenario ? scenario_listing()
                                      : slot_listing(options.slot));
  return 0;
}

int schema_command() {
  fmt::print("{}", scenario_json_schema());
  return 0;
}

}  // namespace moesim
