#include "calibrate/bench_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace moesim {
namespace {

constexpr double kTick_s = 0.1;                            ///< how soon a timeout or Ctrl-C is seen
constexpr std::size_t kMaxOutput = std::size_t{64} << 20;  ///< far beyond any table of the suite
constexpr double kGrace_s = 2;  ///< for the kernel to end a killed child, and for late output

/// A pipe whose ends close on every way out and are not inherited.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0)
      throw std::runtime_error(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() { close_end(0), close_end(1); }
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  bool open() const { return ends_[0] >= 0; }
  void close_end(std::size_t end) {
    if (ends_[end] >= 0) close(ends_[end]);
    ends_[end] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

/// 0, or why it could not start.
int spawn(const ProcessSpec& spec, const Pipe& out, const Pipe& err, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write_end(), 1);
  posix_spawn_file_actions_adddup2(&actions, err.write_end(), 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own: Ctrl-C reaches this process alone, which then ends the whole group. Signals
  // that are ignored here end the child as usual: when this process is killed, the child dies of
  // its next line of output.
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM}) sigaddset(&defaults, signal);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> words = {spec.program};
  words.insert(words.end(), spec.arguments.begin(), spec.arguments.end());
  const int error = posix_spawn(&pid, spec.program.c_str(), &actions, &attributes,
                                pointers(words).data(), pointers(spec.environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!ended_) end();
  }
  void end() {
    kill(-pid_, SIGKILL);
    ended();
  }
  /// Whether it has ended; collects its status.
  bool ended() {
    if (!ended_) ended_ = waitpid(pid_, &status_, WNOHANG) == pid_;
    return ended_;
  }
  int status() const { return status_; }

 private:
  pid_t pid_;
  int status_ = 0;
  bool ended_ = false;
};

/// The line on stderr that says it: the one that opens with the program's name, else the last.
std::string complaint(const std::string& program, const std::string& err) {
  std::string last;
  for (std::size_t start = 0; start < err.size();) {
    const auto end = std::min(err.find('\n', start), err.size());
    const auto line = err.substr(start, end - start);
    start = end + 1;
    if (line.starts_with(program + ": ")) return line.substr(program.size() + 2);
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  }
  return last;
}

std::string failure_of(const ProcessSpec& spec, int status, const std::string& err) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  const auto said = complaint(spec.program, err);
  if (WIFSIGNALED(status))
    return fmt::format("ended by signal {} ({}){}{}", WTERMSIG(status), strsignal(WTERMSIG(status)),
                       said.empty() ? "" : ": ", said);
  if (said.empty()) return fmt::format("exit code {} and nothing on stderr", WEXITSTATUS(status));
  return said;
}

/// Waits a moment for output and collects it; a pipe at its end is closed.
void collect(Pipe& out, Pipe& err, ProcessResult& result) {
  std::array<pollfd, 2> waiting = {pollfd{out.read_end(), POLLIN, 0},
                                   pollfd{err.read_end(), POLLIN, 0}};
  const bool any = out.open() || err.open();
  poll(waiting.data(), waiting.size(),
       any ? static_cast<int>(1e3 * kTick_s) : 5);  // poll skips closed ends, which are -1
  std::array<char, 65536> buffer;
  for (std::size_t i = 0; i < 2; ++i) {
    if (waiting[i].fd < 0 || (waiting[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
    const auto got = read(waiting[i].fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got > 0)
      (i == 0 ? result.out : result.err).append(buffer.data(), static_cast<std::size_t>(got));
    else
      (i == 0 ? out : err).close_end(0);
  }
}

}  // namespace

ProcessResult run_process(const ProcessSpec& spec, const std::function<bool(double)>& wanted) {
  using Clock = std::chrono::steady_clock;
  ProcessResult result;
  Pipe out, err;
  pid_t pid = 0;
  if (const int error = spawn(spec, out, err, pid)) {
    result.failure = fmt::format("cannot start {}: {}", spec.program, std::strerror(error));
    return result;
  }
  Child child(pid);
  out.close_end(1), err.close_end(1);
  const auto start = Clock::now();
  double ending_s = -1;  // when it was killed or had ended
  double ask_s = 0;      // when to ask next whether it is still wanted
  const auto kill_because = [&](std::string why) {
    child.end();
    result.failure = std::move(why);
  };
  while (out.open() || err.open() || !child.ended()) {
    collect(out, err, result);
    result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (ending_s < 0 && !child.ended()) {
      if (result.seconds >= ask_s) {
        result.stopped = !wanted(result.seconds);
        ask_s = result.seconds + kTick_s;
      }
      if (result.stopped)
        kill_because("stopped");
      else if ((result.timed_out = result.seconds > spec.timeout_s))
        kill_because(fmt::format("no end after {:g} s", spec.timeout_s));
      else if (result.out.size() + result.err.size() > kMaxOutput)
        kill_because("wrote more than 64 MiB");
    }
    if (ending_s < 0 && (child.ended() || !result.failure.empty())) ending_s = result.seconds;
    // Something that the child started holds the pipe, or the child hangs inside a driver.
    if (ending_s >= 0 && result.seconds > ending_s + kGrace_s) {
      kill(-pid, SIGKILL);
      break;
    }
  }
  if (result.failure.empty()) result.failure = failure_of(spec, child.status(), result.err);
  return result;
}

}  // namespace moesim
