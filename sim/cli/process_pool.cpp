#include "sim/cli/process_pool.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "sim/core/error.hpp"

namespace moesim {
namespace {

using Clock = std::chrono::steady_clock;
using End = ProcessOutcome::End;

[[noreturn]] void cannot(const char* what) {
  throw SimulationError(fmt::format("cannot {} a process: {}", what, std::strerror(errno)));
}

/// First byte of what a child says: how it ended.
constexpr char kBytes = 'R', kRefused = 'I', kFailed = 'S';

[[noreturn]] void run_child(int pipe_end, std::size_t index,
                            const std::function<std::string(std::size_t)>& job) {
  std::string message;
  try {
    message = kBytes + job(index);
  } catch (const InputError& error) {
    message = kRefused + std::string(error.what());
  } catch (const std::exception& error) {
    message = kFailed + std::string(error.what());
  }
  for (std::size_t sent = 0; sent < message.size();) {
    const auto n = write(pipe_end, message.data() + sent, message.size() - sent);
    if (n <= 0) _exit(1);
    sent += static_cast<std::size_t>(n);
  }
  _exit(0);
}

/// The children that run, killed when they are left behind.
class Children {
 public:
  struct Child {
    pid_t pid = -1;
    int pipe = -1;
    std::size_t job = 0;
    Clock::time_point start;
    std::string message;
  };

  Children() = default;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  ~Children() {
    for (auto& child : running_) {
      kill(child.pid, SIGKILL);
      close(child.pipe);
      waitpid(child.pid, nullptr, 0);
    }
  }

  std::size_t size() const { return running_.size(); }

  void start(std::size_t index, const std::function<std::string(std::size_t)>& job) {
    int ends[2];
    if (pipe(ends) != 0) cannot("start");
    std::fflush(nullptr);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
      close(ends[0]);
      close(ends[1]);
      cannot("start");
    }
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);  // it was gone before it could be watched
      close(ends[0]);
      run_child(ends[1], index, job);
    }
    close(ends[1]);
    running_.push_back({pid, ends[0], index, Clock::now(), {}});
  }

  /// Waits until something is said; the children that have said everything, reaped.
  std::vector<std::pair<std::size_t, ProcessOutcome>> wait() {
    pipes_.clear();
    for (const auto& child : running_) pipes_.push_back({child.pipe, POLLIN, 0});
    while (poll(pipes_.data(), pipes_.size(), -1) < 0)
      if (errno != EINTR) cannot("wait for");
    std::vector<std::pair<std::size_t, ProcessOutcome>> ended;
    for (std::size_t i = pipes_.size(); i-- > 0;) {
      if (pipes_[i].revents == 0 || !read_some(running_[i])) continue;
      ended.emplace_back(running_[i].job, reap(running_[i]));
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return ended;
  }

 private:
  /// True at the end.
  static bool read_some(Child& child) {
    std::string buffer(1 << 16, '\0');
    const auto n = read(child.pipe, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) return false;
    if (n > 0) child.message.append(buffer, 0, static_cast<std::size_t>(n));
    return n <= 0;
  }

  static ProcessOutcome reap(Child& child) {
    close(child.pipe);
    int status = 0;
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) continue;
    const double wall_s = std::chrono::duration<double>(Clock::now() - child.start).count();
    auto& message = child.message;
    if (WIFSIGNALED(status))
      return {End::kDied,
              fmt::format("its process was killed by signal {} ({})", WTERMSIG(status),
                          strsignal(WTERMSIG(status))),
              wall_s};
    if (message.empty() || WEXITSTATUS(status) != 0)
      return {End::kDied, "its process ended without a result", wall_s};
    const End end = message.front() == kBytes     ? End::kBytes
                    : message.front() == kRefused ? End::kRefused
                                                  : End::kFailed;
    return {end, message.substr(1), wall_s};
  }

  std::vector<Child> running_;
  std::vector<pollfd> pipes_;
};

}  // namespace

unsigned default_jobs() { return std::max(1u, std::thread::hardware_concurrency()); }

void run_processes(std::size_t count, unsigned jobs,
                   const std::function<std::string(std::size_t job)>& job,
                   const std::function<void(std::size_t job, ProcessOutcome outcome)>& done,
                   const std::function<void(std::size_t job)>& before) {
  const std::size_t most = jobs > 0 ? jobs : default_jobs();
  Children children;
  std::size_t next = 0;
  const auto fill = [&] {
    for (; next < count && children.size() < most; ++next) {
      if (before) before(next);
      children.start(next, job);
    }
  };
  fill();
  while (children.size() > 0) {
    auto ended = children.wait();
    fill();
    for (auto& [index, outcome] : ended) done(index, std::move(outcome));
  }
}

}  // namespace moesim
