#include "sim/cli/simulate.hpp"

#include <fmt/core.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <map>

#include "models/architecture/catalog.hpp"
#include "models/device/catalogue.hpp"
#include "sim/cli/result_pipe.hpp"
#include "sim/core/data_path.hpp"
#include "sim/engine/moe_layers.hpp"
#include "sim/metrics/collector.hpp"
#include "sim/transport/measured_collectives.hpp"

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

}  // namespace

Result run_design(Serving& serving, bool progress) {
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

std::vector<Result> simulate(const std::vector<Design>& designs, const SimulateOptions& options) {
  if (designs.size() == 1) {
    Serving serving(designs.front().scenario, designs.front().places);
    return {run_design(serving, options.progress)};
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
  serve_each(
      designs, jobs, [](std::size_t, Serving& serving) { return pack(run_design(serving, false)); },
      [&](std::size_t i, ProcessOutcome outcome) {
        using End = ProcessOutcome::End;
        if (outcome.end == End::kBytes) return done(i, {unpack(outcome.text), "", false});
        done(i, {std::nullopt, std::move(outcome.text), outcome.end == End::kRefused});
      });
}

void serve_each(const std::vector<Design>& designs, unsigned jobs,
                const std::function<std::string(std::size_t design, Serving& serving)>& job,
                const std::function<void(std::size_t design, ProcessOutcome outcome)>& done) {
  run_processes(
      designs.size(), jobs,
      [&](std::size_t i) {
        Serving serving(designs[i].scenario, designs[i].places);
        return job(i, serving);
      },
      [&](std::size_t i, ProcessOutcome outcome) {
        if (outcome.end == ProcessOutcome::End::kDied)
          outcome.text =
              fmt::format("{} {}: {}", designs[i].file, designs[i].variant, outcome.text);
        done(i, std::move(outcome));
      },
      [&](std::size_t i) { share_inputs(designs[i].document); });
}

namespace {

/// Whether these parts of a scenario (null: it does not have it) have come once before, and no more
/// often.
bool second_time(std::initializer_list<const Node*> parts) {
  static std::map<std::string, int> seen;
  std::string key;
  for (const auto* part : parts) key += (part == nullptr ? "" : to_yaml(*part)) + "\n";
  return ++seen[key] == 2;
}

void share_samples(const ServingScenario& scenario) {
  auto model = load_model(scenario.model.name).architecture;
  if (scenario.model.experts) model.moe.experts = *scenario.model.experts;
  auto routing = scenario.routing;
  const RoutingConfig plain;  // where the experts are does not change what is chosen
  routing.placement = plain.placement;
  routing.balancer = plain.balancer;
  routing.redundant_experts = 0;
  MoeLayers(model, routing, 1, static_cast<std::uint64_t>(scenario.seed));
}

void share_profiles(const ServingScenario& scenario) {
  const auto& name = scenario.cluster.node.node.device;
  const auto device = load_device(data_path("models/device"), name);
  scenario.cost.make({device});
  if (scenario.network.collectives == CollectiveTimes::measured) MeasuredCollectives(device.name);
}

}  // namespace

void share_inputs(const Node& document) {
  const auto* cluster = document.find("cluster");
  const auto* node = cluster != nullptr ? cluster->find("node") : nullptr;
  const bool samples =
      second_time({document.find("model"), document.find("routing"), document.find("seed")});
  const bool profiles = second_time({node, document.find("cost")});
  if (!samples && !profiles) return;
  try {
    const auto scenario = read_serving_scenario(document);
    if (profiles) share_profiles(scenario);
    if (samples) share_samples(scenario);
  } catch (const std::exception&) {
    return;
  }
}

}  // namespace moesim
