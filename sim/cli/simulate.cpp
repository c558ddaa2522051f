#include "sim/cli/simulate.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "sim/cli/result_pipe.hpp"
#include "sim/metrics/collector.hpp"

namespace moesim {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::int64_t peak_rss_bytes() {
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

/// Redraws one line on stderr at most four times a second.
class Progress {
 public:
  explicit Progress(Clock::time_point start) : start_(start), last_(start) {}
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  void update(std::int64_t done, std::int64_t all, Seconds now) {
    if (seconds_since(last_) < 0.25) return;
    last_ = Clock::now();
    shown_ = true;
    const double wall = seconds_since(start_);
    fmt::print(stderr, "\r\033[K{} of {} requests, {:.1f} s simulated, {:.0f} s left", done, all,
               now.value, wall / static_cast<double>(done) * static_cast<double>(all - done));
    std::fflush(stderr);
  }

 private:
  Clock::time_point start_, last_;
  bool shown_ = false;
};

Result run_one(Serving& serving, bool progress) {
  const auto start = Clock::now();
  Collector collector;
  {
    Progress line(start);
    if (progress)
      serving.on_progress(
          [&](std::int64_t done, std::int64_t all, Seconds now) { line.update(done, all, now); });
    serving.run(collector);
  }
  Result result = collector.result(serving);
  result.wall_s = seconds_since(start);
  result.peak_rss_bytes = peak_rss_bytes();
  return result;
}

struct Child {
  pid_t pid = -1;
  int pipe = -1;
};

Child start_child(const Design& design) {
  int ends[2];
  if (pipe(ends) != 0)
    throw SimulationError(fmt::format("cannot start a process: {}", std::strerror(errno)));
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid < 0)
    throw SimulationError(fmt::format("cannot start a process: {}", std::strerror(errno)));
  if (pid > 0) {
    close(ends[1]);
    return {pid, ends[0]};
  }
  close(ends[0]);
  std::string message;
  try {
    Serving serving(design.scenario, design.places);
    message = "R" + pack(run_one(serving, false));
  } catch (const InputError& error) {
    message = std::string("I") + error.what();
  } catch (const std::exception& error) {
    message = std::string("S") + error.what();
  }
  for (std::size_t sent = 0; sent < message.size();) {
    const auto n = write(ends[1], message.data() + sent, message.size() - sent);
    if (n <= 0) _exit(1);
    sent += static_cast<std::size_t>(n);
  }
  _exit(0);
}

/// A child whose message is being read.
struct Running {
  Child child;
  std::size_t design = 0;
  std::string message;
};

/// Reads what is there; true when the child has said everything.
bool read_some(Running& running) {
  std::string buffer(1 << 16, '\0');
  const auto n = read(running.child.pipe, buffer.data(), buffer.size());
  if (n < 0 && errno == EINTR) return false;
  if (n > 0) running.message.append(buffer, 0, static_cast<std::size_t>(n));
  return n <= 0;
}

Outcome finish(const Running& running, const Design& design) {
  close(running.child.pipe);
  int status = 0;
  waitpid(running.child.pid, &status, 0);
  const auto& message = running.message;
  const auto died = [&] {
    return Outcome{
        std::nullopt,
        fmt::format("{} {}: its process ended without a result", design.file, design.variant),
        false};
  };
  if (message.empty()) return died();
  if (message.front() != 'R') return {std::nullopt, message.substr(1), message.front() == 'I'};
  try {
    return {unpack(message.substr(1)), "", false};
  } catch (const SimulationError&) {
    return died();
  }
}

void wait_for_any(const std::vector<Running>& running, std::vector<pollfd>& pipes) {
  pipes.clear();
  for (const auto& r : running) pipes.push_back({r.child.pipe, POLLIN, 0});
  while (poll(pipes.data(), pipes.size(), -1) < 0)
    if (errno != EINTR)
      throw SimulationError(fmt::format("cannot wait for a process: {}", std::strerror(errno)));
}

}  // namespace

std::vector<Result> simulate(const std::vector<Design>& designs, const SimulateOptions& options) {
  if (designs.size() == 1) {
    Serving serving(designs.front().scenario, designs.front().places);
    return {run_one(serving, options.progress)};
  }
  for (const auto& design : designs) Serving check(design.scenario, design.places);
  std::vector<Outcome> outcomes(designs.size());
  simulate_each(designs, options.jobs, [&](std::size_t design, Outcome outcome) {
    outcomes[design] = std::move(outcome);
  });
  std::vector<Result> results;
  for (auto& outcome : outcomes) {
    if (outcome.refused) throw InputError(outcome.error);
    if (!outcome.result) throw SimulationError(outcome.error);
    results.push_back(*std::move(outcome.result));
  }
  return results;
}

void simulate_each(const std::vector<Design>& designs, unsigned jobs,
                   const std::function<void(std::size_t design, Outcome outcome)>& done) {
  const std::size_t most = jobs > 0 ? jobs : std::max(1u, std::thread::hardware_concurrency());
  std::vector<Running> running;
  std::vector<pollfd> pipes;
  std::size_t next = 0;
  while (next < designs.size() || !running.empty()) {
    for (; next < designs.size() && running.size() < most; ++next)
      running.push_back({start_child(designs[next]), next, {}});
    wait_for_any(running, pipes);
    for (std::size_t i = pipes.size(); i-- > 0;) {
      if (pipes[i].revents == 0 || !read_some(running[i])) continue;
      const auto ended = std::move(running[i]);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
      done(ended.design, finish(ended, designs[ended.design]));
    }
  }
}

}  // namespace moesim
