// `moesim list [slot]`: every slot, its policies and their parameters, from the registry.
#include <fmt/core.h>

#include "sim/cli/command.hpp"
#include "sim/report/reference.hpp"

namespace moesim {

void add_list_command(CLI::App& app, Action& action) {
  struct Options {
    std::string slot;
    bool scenario = false, markdown = false;
  };
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("list", "slots, their policies and parameters");
  command->add_option("slot", options->slot, "only this slot");
  command->add_flag("--scenario", options->scenario, "the sections of a scenario instead");
  command->add_flag("--markdown", options->markdown, "scenario and slots as the reference in the README");
  command->callback([options, &action] {
    action = [options] {
      fmt::print("{}", options->markdown   ? reference_markdown()
                       : options->scenario ? scenario_listing()
                                           : slot_listing(options->slot));
      return 0;
    };
  });
}

}  // namespace moesim
