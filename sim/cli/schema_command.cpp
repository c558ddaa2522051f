// `moesim schema`: the JSON Schema of a scenario, for editors.
#include <fmt/core.h>

#include "sim/cli/command.hpp"
#include "sim/report/json_schema.hpp"

namespace moesim {

void add_schema_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("schema", "JSON Schema of a scenario, for editors (yaml-language-server)");
  command->callback([&action] {
    action = [] {
      fmt::print("{}", scenario_json_schema());
      return 0;
    };
  });
}

}  // namespace moesim
