#include "sim/cli/simulate.hpp"

#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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
    fmt::print(stderr, "\r\033[K{} of {} requests, {:.1f} s simulated, {:.0f} s left", done, all, now.value,
               wall / static_cast<double>(done) * static_cast<double>(all - done));
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
      serving.on_progress([&](std::int64_t done, std::int64_t all, Seconds now) { line.update(done, all, now); });
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
  if (pipe(ends) != 0) throw SimulationError(fmt::format("cannot start a process: {}", std::strerror(errno)));
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid < 0) throw SimulationError(fmt::format("cannot start a process: {}", std::strerror(errno)));
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

Result finish_child(const Child& child, const Design& design) {
  std::string message;
  std::string buffer(1 << 16, '\0');
  for (ssize_t n = 0; (n = read(child.pipe, buffer.data(), buffer.size())) > 0;)
    message.append(buffer, 0, static_cast<std::size_t>(n));
  close(child.pipe);
  int status = 0;
  waitpid(child.pid, &status, 0);
  if (message.empty())
    throw SimulationError(fmt::format("{} {}: its process ended without a result", design.file, design.variant));
  const std::string text = message.substr(1);
  if (message.front() == 'I') throw InputError(text);
  if (message.front() == 'S') throw SimulationError(text);
  return unpack(text);
}

}  // namespace

std::vector<Result> simulate(const std::vector<Design>& designs, const SimulateOptions& options) {
  if (designs.size() == 1) {
    Serving serving(designs.front().scenario, designs.front().places);
    return {run_one(serving, options.progress)};
  }
  for (const auto& design : designs) Serving check(design.scenario, design.places);
  const std::size_t jobs = options.jobs > 0 ? options.jobs : std::max(1u, std::thread::hardware_concurrency());
  std::vector<Child> children(designs.size());
  std::vector<Result> results;
  std::size_t started = 0;
  for (std::size_t i = 0; i < designs.size(); ++i) {
    for (; started < designs.size() && started < i + jobs; ++started) children[started] = start_child(designs[started]);
    results.push_back(finish_child(children[i], designs[i]));
  }
  return results;
}

}  // namespace moesim
