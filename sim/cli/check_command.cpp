// `moesim check FILE`: loads and builds, runs nothing, prints the resolved scenario and what it needs.
#include <fmt/core.h>

#include "sim/cli/command.hpp"
#include "sim/cli/design.hpp"
#include "sim/serving/serving.hpp"

namespace moesim {
namespace {

void print_plan(const Serving& serving) {
  constexpr double kGiB = 1024.0 * 1024 * 1024;
  const auto& memory = serving.memory();
  fmt::print("# fits: {:.1f} GiB of weights and {:.1f} GiB of KV memory on the most loaded of {} GPUs; longest request "
             "{} tokens; {} requests\n",
             memory.weights.value / kGiB, memory.kv_capacity.value / kGiB, serving.layout().gpus(),
             serving.longest_request(), serving.requests());
}

int check(const std::vector<std::string>& files, const std::vector<std::string>& overrides,
          const std::string& variant) {
  for (const auto& design : read_designs(files, overrides, variant)) {
    const Serving serving(design.scenario, design.places);
    fmt::print("# {}{}{}\n", design.file, design.variant.empty() ? "" : ", variant ", design.variant);
    print_plan(serving);
    fmt::print("{}", to_yaml(ServingScenario::parameters().write(design.scenario)));
  }
  return 0;
}

}  // namespace

void add_check_command(CLI::App& app, Action& action) {
  struct Options {
    std::vector<std::string> files, overrides;
    std::string variant;
  };
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("check", "load and build scenarios without running them; print them resolved");
  command->add_option("files", options->files, "scenario files (YAML)")->required();
  command->add_option("-s,--set", options->overrides, "change a value: key.path=value (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--variant", options->variant, "only this variant");
  command->callback([options, &action] {
    action = [options] { return check(options->files, options->overrides, options->variant); };
  });
}

}  // namespace moesim
