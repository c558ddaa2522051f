// Runs the built program as a user does: arguments in, exit code and both output streams out. No
// shell in between.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/report/temporary_directory.hpp"

extern char** environ;

namespace moesim::testing {

struct Outcome {
  int code = -1;  ///< 128 + signal when a signal ended it
  std::string out, err;
};

inline std::string file_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Starts `arguments` (program first) with both streams going to files; the caller waits.
inline pid_t start(const std::vector<std::string>& arguments, const std::string& out,
                   const std::string& err) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, argv.front(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + arguments.front());
  return pid;
}

inline int wait_for(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline Outcome run_binary(std::vector<std::string> arguments) {
  const TemporaryDirectory directory;
  arguments.insert(arguments.begin(), MOESIM_BINARY);
  const auto out = directory.file("out"), err = directory.file("err");
  Outcome outcome;
  outcome.code = wait_for(start(arguments, out, err));
  outcome.out = file_text(out);
  outcome.err = file_text(err);
  return outcome;
}

/// A small, fast and complete scenario: OLMoE on two H200.
inline const std::string kSmallScenario =
    "model: {name: olmoe}\n"
    "cluster: {node: hgx-h200}\n"
    "parallel: {tensor: 2, expert: 2}\n"
    "workload:\n"
    "  requests: 20\n"
    "  arrivals: {type: poisson, rate: 20 /s}\n"
    "  lengths: {type: fixed, input: 128, output: 8}\n";

inline std::string write_file(const TemporaryDirectory& directory, const std::string& name,
                              const std::string& text) {
  const auto path = directory.file(name);
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

}  // namespace moesim::testing
