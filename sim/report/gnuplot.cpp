#include "sim/report/gnuplot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "sim/core/error.hpp"
#include "sim/report/text.hpp"

extern char** environ;

namespace moesim {
namespace {

/// What the child does between fork and exec, freed on every way out.
class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&value_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { posix_spawn_file_actions_destroy(&value_); }
  posix_spawn_file_actions_t* get() { return &value_; }

 private:
  posix_spawn_file_actions_t value_{};
};

std::string read_to_end(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto got = read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return status;
}

}  // namespace

// Octal for everything with a meaning to gnuplot: quotes, back-quotes, backslashes, macros. Single
// quotes with doubled ones inside would be shorter, but gnuplot 5.4 ends the string '\'\'x' after
// its first two characters.
std::string gnuplot_string(std::string_view text) {
  constexpr std::string_view plain = " .,:;-+_/()[]=<>%";
  std::string out = "\"";
  for (const char c : one_line(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalnum(byte) || plain.find(c) != std::string_view::npos)
      out += c;
    else
      out += fmt::format("\\{:03o}", byte);
  }
  return out + "\"";
}

void run_gnuplot(const std::string& directory, const std::string& script) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0)
    throw SimulationError(fmt::format("gnuplot: no pipe: {}", std::strerror(errno)));
  FileActions actions;
  posix_spawn_file_actions_addchdir_np(actions.get(), directory.c_str());
  posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(actions.get(), pipe_ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(actions.get(), pipe_ends[1], STDERR_FILENO);
  std::string program = "gnuplot";
  std::string defaults = "--default-settings";
  std::string file = script;
  const std::array<char*, 4> arguments = {program.data(), defaults.data(), file.data(), nullptr};
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, "gnuplot", actions.get(), nullptr, arguments.data(), environ);
  close(pipe_ends[1]);
  const auto said = error == 0 ? read_to_end(pipe_ends[0]) : std::string();
  close(pipe_ends[0]);
  if (error == ENOENT)
    throw InputError("gnuplot: not found; plots need it (Debian: apt-get install gnuplot-nox)");
  if (error != 0) throw InputError(fmt::format("gnuplot: cannot run: {}", std::strerror(error)));
  const int status = wait_for(child);
  if (status != 0)
    throw SimulationError(fmt::format("gnuplot failed on {}/{}: {}", directory, script,
                                      said.empty() ? "no message" : clean_text(said)));
}

}  // namespace moesim
