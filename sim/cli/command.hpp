// The commands of `moesim`. Each adds its subcommand and options to the CLI11 application and stores what to do when it is
// chosen; main() maps exceptions to exit codes (0 fine, 1 the run failed, 2 wrong usage or input, 130 interrupted).
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace moesim {

/// Set by the command that was chosen; returns the exit code.
using Action = std::function<int()>;

void add_run_command(CLI::App& app, Action& action);
void add_check_command(CLI::App& app, Action& action);
void add_compare_command(CLI::App& app, Action& action);
void add_model_command(CLI::App& app, Action& action);
void add_list_command(CLI::App& app, Action& action);
void add_schema_command(CLI::App& app, Action& action);

}  // namespace moesim
