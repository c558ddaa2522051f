// `moesim compare A.json B.json`: what differs between two results.
#include <fmt/core.h>

#include "sim/cli/command.hpp"
#include "sim/report/compare.hpp"

namespace moesim {

void add_compare_command(CLI::App& app, Action& action) {
  struct Options {
    std::string a, b;
  };
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("compare", "two results side by side: inputs that differ, then every figure");
  command->add_option("a", options->a, "result JSON")->required();
  command->add_option("b", options->b, "result JSON")->required();
  command->callback([options, &action] {
    action = [options] {
      fmt::print("{}", comparison_table(compare(read_result_json(options->a), read_result_json(options->b))));
      return 0;
    };
  });
}

}  // namespace moesim
