// `moesim check FILE`: loads and builds, runs nothing, prints the resolved scenario and what it
// needs.
#include <fmt/core.h>

#include "sim/cli/command.hpp"
#include "sim/cli/design.hpp"
#include "sim/cli/study_command.hpp"
#include "sim/serving/serving.hpp"

namespace moesim {
namespace {

void print_plan(const Serving& serving) {
  constexpr double kGiB = 1024.0 * 1024 * 1024;
  const auto& memory = serving.memory();
  fmt::print(
      "# fits: {:.1f} GiB of weights and {:.1f} GiB of KV memory on the most loaded of {} GPUs; "
      "longest request "
      "{} tokens; {} requests\n",
      memory.weights.value / kGiB, memory.kv_capacity.value / kGiB, serving.layout().gpus(),
      serving.longest_request(), serving.requests());
}

}  // namespace

int check_command(const DesignOptions& options) {
  if (are_studies(options)) return study_check_command(options);
  for (const auto& design : read_designs(options.files, options.overrides, options.variant)) {
    const Serving serving(design.scenario, design.places);
    fmt::print("# {}{}{}\n", design.file, design.variant.empty() ? "" : ", variant ",
               design.variant);
    print_plan(serving);
    fmt::print("{}", to_yaml(ServingScenario::parameters().write(design.scenario)));
  }
  return 0;
}

}  // namespace moesim
