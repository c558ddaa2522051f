// `moesim calibrate bench`: the microbenchmark suite on one device.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "calibrate/bench.hpp"
#include "sim/cli/command.hpp"

namespace moesim {
namespace {

volatile std::sig_atomic_t stop_asked = 0;
void ask_to_stop(int) { stop_asked = 1; }

/// While it lives, Ctrl-C and a polite kill end the benchmark's child first.
class StopOnSignal {
 public:
  StopOnSignal()
      : interrupt_(std::signal(SIGINT, ask_to_stop)),
        terminate_(std::signal(SIGTERM, ask_to_stop)) {}
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
  ~StopOnSignal() {
    std::signal(SIGINT, interrupt_);
    std::signal(SIGTERM, terminate_);
  }

 private:
  void (*interrupt_)(int);
  void (*terminate_)(int);
};

/// On a terminal one line that changes, else one line per operation.
class Progress final : public BenchObserver {
 public:
  ~Progress() override { clear(); }

  void note(const std::string& line) override {
    clear();
    fmt::print(stderr, "{}\n", line);
  }

  void running(const BenchStep& step) override {
    if (!terminal_) return;
    shown_ = true;
    fmt::print(stderr, "\r\033[K{}: {:.0f} s{}", place(step), step.seconds,
               step.left_s ? fmt::format(", about {:.0f} s left in all", *step.left_s) : "");
    std::fflush(stderr);
  }

  void ended(const BenchStep& step, const std::string& result) override {
    clear();
    fmt::print(stderr, "{}: {:.1f} s, {}\n", place(step), step.seconds, result);
  }

 private:
  static std::string place(const BenchStep& step) {
    return fmt::format("{} of {} {}", step.index, step.total, step.what);
  }
  void clear() {
    if (shown_) fmt::print(stderr, "\r\033[K");
    shown_ = false;
  }

  bool terminal_ = isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
};

void print_summary(const BenchRecord& record, const std::string& folder) {
  const auto device =
      record.name.empty() ? record.selected : fmt::format("{} ({})", record.name, record.selected);
  fmt::print("{}, seed {}{}: {:.0f} s in all, in {}\n\n", device, record.seed,
             record.short_mode ? ", short" : "", record.total_s, folder);
  fmt::print("{:<22}{:<12}{:>7}{:>9}  {}\n", "operation", "status", "rows", "seconds", "file");
  for (const auto& entry : record.operations)
    fmt::print("{:<22}{:<12}{:>7}{:>9.1f}  {}\n", entry.name, entry.status, entry.rows,
               entry.seconds, entry.file);
  if (record.noise.anchors.size() < 2) return;
  auto drift = record.noise.drift();
  std::ranges::sort(drift);
  fmt::print(
      "\nnoise: {} points measured {} times differ by {:.1f} % (median coefficient of variation); "
      "drift from first to last {:+.1f} % to {:+.1f} %\n",
      record.noise.points.size(), record.noise.anchors.size(), 100 * record.noise.cv(),
      100 * drift.front(), 100 * drift.back());
}

}  // namespace

int calibrate_bench_command(const CalibrateBenchOptions& options) {
  BenchOptions bench;
  bench.device = parse_bench_device(options.device);
  bench.out = options.out;
  bench.seed = static_cast<std::uint64_t>(options.seed);
  bench.only = options.only;
  bench.short_mode = options.short_mode;
  bench.operation_timeout_s = options.timeout_s;
  bench.max_s = options.max_s;
  bench.interrupted = [] { return stop_asked != 0; };
  try {
    const StopOnSignal stop;
    Progress progress;
    const auto outcome = run_bench(bench, progress);
    print_summary(outcome.record, options.out);
    if (!outcome.problem.empty()) throw BenchError(outcome.problem);
    return 0;
  } catch (const BenchInterrupted&) {
    fmt::print(stderr, "interrupted; the same command goes on from there\n");
    return 130;
  }
}

}  // namespace moesim
