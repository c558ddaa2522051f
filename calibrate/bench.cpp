#include "calibrate/bench.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>

#include "calibrate/bench_folder.hpp"
#include "calibrate/bench_noise.hpp"
#include "calibrate/bench_program.hpp"
#include "calibrate/bench_suite.hpp"
#include "sim/core/version.hpp"

namespace moesim {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kAnchor = "memory_stream";
constexpr const char* kProbe = "device_probe";
constexpr double kLeast_s = 5;  ///< what a program gets even when the run's time is over

std::string now_utc() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string host_cpu() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) {
      const auto value = line.find_first_not_of(": \t", std::string("model name").size());
      return value == std::string::npos ? "" : line.substr(value);
    }
  return "";
}

std::string property(const BenchRecord::Properties& all, const std::string& name) {
  const auto found = std::ranges::find(all, name, &std::pair<std::string, std::string>::first);
  return found == all.end() ? "" : found->second;
}

class BenchRun {
 public:
  BenchRun(const BenchOptions& options, BenchObserver& observer)
      : options_(options),
        observer_(observer),
        planned_(planned_operations(options.only, options.seed)),
        programs_(find_kernel_programs(options.device)),
        folder_(options.out) {}

  BenchOutcome run() {
    open_record();
    plan();
    if (pending_.empty()) {
      observer_.note("nothing to do: every operation is complete in " + options_.out);
      return {record_, ""};
    }
    probe(record_.before);
    anchor("start");
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (out_of_time()) return finish();
      if (i > 0 && i == pending_.size() / 2) anchor("middle");
      if (device_gone_) return finish();
      measure(pending_[i]);
      if (device_gone_) return finish();
    }
    if (!late()) anchor("end");
    if (!device_gone_) probe(record_.after);
    return finish();
  }

 private:
  /// Reads run.json of an earlier run, which has to be of this very suite; or begins one.
  void open_record() {
    if (auto earlier = folder_.read_record()) {
      record_ = std::move(*earlier);
      earlier_s_ = record_.total_s;
      const auto same = [&](const std::string& what, const std::string& there,
                            const std::string& here) {
        if (there != here) refuse(what, there, here);
      };
      same("device", record_.selected, options_.device.text());
      same("seed", std::to_string(record_.seed), std::to_string(options_.seed));
      same("mode", record_.short_mode ? "short" : "full", options_.short_mode ? "short" : "full");
      same("version", record_.version, version());
      return;
    }
    record_.kind = options_.device.kind_name();
    record_.selected = options_.device.text();
    record_.version = version();
    record_.date_utc = now_utc();
    record_.seed = options_.seed;
    record_.short_mode = options_.short_mode;
    record_.host_cpu = host_cpu();
  }

  [[noreturn]] void refuse(const std::string& what, const std::string& there,
                           const std::string& here) const {
    throw InputError(
        fmt::format("{}: this folder holds measurements of another {} ({}, now {}); choose another "
                    "--out, or remove the folder",
                    options_.out, what, there, here));
  }

  void plan() {
    std::vector<std::string> absent;
    for (auto& operation : planned_) {
      auto* entry = record_.find(operation.name);
      if (entry != nullptr && entry->complete() && folder_.holds(*entry)) continue;
      if (entry == nullptr) {
        record_.operations.push_back({operation.name, operation.file, "not run", "", "", 0, 0});
        entry = &record_.operations.back();
      }
      if (kernel_program(programs_, operation.name, options_.device)) {
        pending_.push_back(std::move(operation));
        continue;
      }
      entry->status = "absent";
      absent.push_back(operation.name);
    }
    if (!absent.empty())
      observer_.note(fmt::format("not built, left out: {}", fmt::join(absent, ", ")));
  }

  KernelRun call(const std::string& program, bool every_device, std::vector<std::string> arguments,
                 const std::vector<std::string>& columns, BenchStep step) {
    observer_.running(step);
    const double left_s = options_.max_s - seconds_since(start_);
    const ProcessSpec spec{program, std::move(arguments),
                           bench_environment(options_.device, every_device),
                           std::min(options_.operation_timeout_s, std::max(left_s, kLeast_s))};
    const auto all_left_s = step.left_s;
    auto run = run_kernel(spec, columns, [&](double seconds) {
      step.seconds = seconds;
      if (step.left_s) step.left_s = std::max(0.0, *all_left_s - seconds);
      observer_.running(step);
      return !options_.interrupted || !options_.interrupted();
    });
    if (run.process.stopped) throw BenchInterrupted();
    step.seconds = run.process.seconds;
    observer_.ended(step, run.table ? fmt::format("{} {}", run.table->rows(),
                                                  run.table->rows() == 1 ? "row" : "rows")
                                    : run.failure);
    return run;
  }

  void probe(BenchRecord::Properties& into) {
    const auto program = kernel_program(programs_, kProbe, options_.device);
    if (!program) return;
    const auto run = call(*program, false, {}, {"property", "value"}, step(kProbe));
    if (!run.table) return device_failed(kProbe, run.failure);
    BenchRecord::Properties found;
    const auto name = run.table->column("property"), value = run.table->column("value");
    for (std::size_t row = 0; row < run.table->rows(); ++row)
      found.emplace_back(run.table->cell(row, name), run.table->cell(row, value));
    identify(property(found, "name"), property(found, "pci_bus_id"));
    into = std::move(found);
  }

  void anchor(const std::string& when) {
    const auto program = kernel_program(programs_, kAnchor, options_.device);
    if (!program) return;
    const auto run =
        call(*program, false, {"--short", "--seed", std::to_string(options_.seed)},
             {"pattern", "array_bytes", "l2", "latency_us"}, step("anchor (" + when + ")"));
    if (!run.table) return device_failed(kAnchor, run.failure);
    if (const auto device = run.table->find_column("device"); device && run.table->rows() > 0)
      identify(std::string(run.table->cell(0, *device)), "");
    BenchNoise::Anchor times{when, now_utc(), {}};
    std::vector<std::string> names;
    for (const auto& [name, latency_us] : anchor_points(*run.table)) {
      names.push_back(name);
      times.latency_us.push_back(latency_us);
    }
    if (names.empty()) return device_failed(kAnchor, "it measured nothing");
    if (record_.noise.anchors.empty()) record_.noise.points = names;
    if (names != record_.noise.points)
      return device_failed(kAnchor, "it measured other points than before");
    record_.noise.anchors.push_back(std::move(times));
  }

  /// The first thing that fails ends the run: before anything was measured there is no use in
  /// going on, and after an operation failed it tells that the device is gone.
  void device_failed(const std::string& program, const std::string& failure) {
    const auto what = fmt::format("{} does not answer: {}: {}", record_.selected, program, failure);
    if (!measured_anything_) throw BenchError(what);
    problems_.push_back(what);
    device_gone_ = true;
  }

  /// The same folder is for the same device.
  void identify(const std::string& name, const std::string& bus_id) {
    if (name.empty()) return;
    if (record_.name.empty()) record_.name = name;
    if (record_.name != name) refuse("device", record_.name, name);
    const auto known = property(record_.before, "pci_bus_id");
    if (!bus_id.empty() && !known.empty() && bus_id != known) refuse("device", known, bus_id);
  }

  void measure(const BenchOperation& operation) {
    ++begun_;
    auto& entry = *record_.find(operation.name);
    entry.started = now_utc();
    std::vector<std::string> arguments = {"--seed", std::to_string(options_.seed)};
    if (options_.short_mode) arguments.emplace_back("--short");
    const auto run =
        call(*kernel_program(programs_, operation.name, options_.device), operation.every_device,
             std::move(arguments), {"latency_us"}, step(operation.name));
    measured_anything_ = true;
    entry.seconds = run.process.seconds;
    entry.error = run.failure;
    entry.rows = 0;
    ended_s_ += run.process.seconds;
    ++ended_;
    if (run.table) {
      entry.rows = static_cast<std::int64_t>(run.table->rows());
      folder_.write_rows(entry, *run.table);
      entry.status = "complete";
      return save();
    }
    entry.status = run.process.timed_out ? "timed out" : "failed";
    problems_.push_back(fmt::format("{}: {}", operation.name, run.failure));
    save();
    if (!out_of_time()) anchor("after " + operation.name + " failed");
  }

  bool late() const { return seconds_since(start_) >= options_.max_s; }

  /// Says so once.
  bool out_of_time() {
    if (!late()) return false;
    if (!said_late_) {
      const auto left = std::ranges::count_if(pending_, [&](const BenchOperation& operation) {
        return !record_.find(operation.name)->complete();
      });
      problems_.push_back(
          fmt::format("the {:g} s of --max-seconds are over, {} of {} operations "
                      "are not measured",
                      options_.max_s, left, pending_.size()));
    }
    said_late_ = true;
    return true;
  }

  BenchStep step(const std::string& what) const {
    BenchStep step{what, begun_, pending_.size(), 0, {}};
    if (ended_ > 0)
      step.left_s =
          ended_s_ / static_cast<double>(ended_) * static_cast<double>(pending_.size() - ended_);
    return step;
  }

  void save() {
    record_.total_s = earlier_s_ + seconds_since(start_);
    folder_.write_record(record_);
  }

  BenchOutcome finish() {
    save();
    if (problems_.empty()) return {record_, ""};
    const auto complete = std::ranges::count_if(record_.operations, &BenchEntry::complete);
    return {record_, fmt::format("{}; {} {} complete in {}, the same command goes on from there",
                                 fmt::join(problems_, "; "), complete,
                                 complete == 1 ? "operation is" : "operations are", options_.out)};
  }

  const BenchOptions& options_;
  BenchObserver& observer_;
  const Clock::time_point start_ = Clock::now();
  std::vector<BenchOperation> planned_;
  std::string programs_;
  BenchFolder folder_;
  BenchRecord record_;
  std::vector<BenchOperation> pending_;
  std::vector<std::string> problems_;
  std::size_t begun_ = 0, ended_ = 0;
  double ended_s_ = 0, earlier_s_ = 0;
  bool measured_anything_ = false, device_gone_ = false, said_late_ = false;
};

}  // namespace

BenchOutcome run_bench(const BenchOptions& options, BenchObserver& observer) {
  return BenchRun(options, observer).run();
}

}  // namespace moesim
