// moesim: the command line. Results to stdout, everything else to stderr.
#include <fmt/core.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "sim/cli/command.hpp"
#include "sim/core/version.hpp"
#include "sim/core/error.hpp"

namespace {

void interrupted(int) { _exit(130); }

int run(int argc, char** argv) {
  CLI::App app{"moesim: a discrete-event simulator of Mixture-of-Experts serving"};
  app.set_version_flag("--version", std::string("moesim ") + moesim::version());
  app.require_subcommand(1);
  app.footer("Every command explains itself: moesim COMMAND --help. Policies and their parameters: moesim list.");
  moesim::Action action;
  moesim::add_run_command(app, action);
  moesim::add_check_command(app, action);
  moesim::add_compare_command(app, action);
  moesim::add_model_command(app, action);
  moesim::add_list_command(app, action);
  moesim::add_schema_command(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return action();
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGINT, interrupted);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const int code = run(argc, argv);
    if (std::fflush(stdout) != 0) {
      fmt::print(stderr, "moesim: cannot write to standard output\n");
      return 1;
    }
    return code;
  } catch (const moesim::InputError& error) {
    fmt::print(stderr, "moesim: {}\n", error.what());
    return 2;
  } catch (const moesim::SimulationError& error) {
    fmt::print(stderr, "moesim: the run failed: {}\n", error.what());
    return 1;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "moesim: the run failed: out of memory\n");
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "moesim: the run failed: {}\n", error.what());
    return 1;
  }
}
