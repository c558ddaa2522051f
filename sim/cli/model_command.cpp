// `moesim model list` and `moesim model show NAME|config.json`.
#include <fmt/core.h>

#include "models/architecture/catalog.hpp"
#include "sim/cli/command.hpp"
#include "sim/report/model_show.hpp"

namespace moesim {

void add_model_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("model", "the architectures moesim knows");
  command->require_subcommand(1);
  auto* list = command->add_subcommand("list", "names of the models that ship");
  list->callback([&action] {
    action = [] {
      for (const auto& name : model_names()) fmt::print("{}\n", name);
      return 0;
    };
  });
  auto names = std::make_shared<std::vector<std::string>>();
  auto* show = command->add_subcommand("show", "parameters, bytes, KV bytes and FLOPs per token of a model");
  show->add_option("model", *names, "name, Hugging Face id, config.json or YAML")->required();
  show->callback([names, &action] {
    action = [names] {
      for (const auto& name : *names) fmt::print("{}", show_model(load_model(name)));
      return 0;
    };
  });
}

}  // namespace moesim
