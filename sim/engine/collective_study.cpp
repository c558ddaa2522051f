#include "sim/engine/collective_study.hpp"

#include <algorithm>
#include <optional>

#include "sim/engine/collective_groups.hpp"
#include "sim/transport/turns.hpp"

namespace moesim {
namespace {

/// Steps with more flows, or more links in all their paths, have no per-flow times.
constexpr std::size_t kMostPieces = 20000, kMostLinks = 500000;
/// Ends within a thousandth make one wave, where there are many.
constexpr std::size_t kMergeFrom = 2000;

class Values {
 public:
  void add(double value) {
    if (count_ == 0) min_ = max_ = value;
    sum_ += value;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
    ++count_;
  }
  Spread spread() const { return {count_ > 0 ? sum_ / count_ : 0, min_, max_}; }

 private:
  double sum_ = 0, min_ = 0, max_ = 0;
  int count_ = 0;
};

/// What changes later is not for the paths at the start.
ClusterConfig at_start(ClusterConfig cluster) {
  std::erase_if(cluster.links, [](const auto& condition) { return condition.at > Seconds(0); });
  return cluster;
}

class Study {
 public:
  Study(const CollectiveScenario& scenario, const Simulate& simulate)
      : scenario_(scenario),
        simulate_(simulate),
        network_(at_start(scenario.cluster)),
        loads_(network_.loads()),
        total_(network_.loads()) {}

  StudyResult run() {
    StudyResult result;
    result.title = scenario_.title;
    result.question = scenario_.question;
    result.scenario = CollectiveScenario::parameters().write(scenario_);
    result.gpus = network_.gpus();
    result.switches = network_.fabric().switches();
    result.oversubscription = network_.fabric().oversubscription();
    for (const auto& link : network_.links()) {
      result.link_names.push_back(link.name);
      result.link_capacity.push_back(link.capacity.value);
    }
    for (const auto& entry : scenario_.collectives)
      collectives_.push_back(prepare_collective(entry, network_, scenario_.wire,
                                                static_cast<std::uint64_t>(scenario_.seed)));
    for (const auto& transport : scenario_.transports) compare(transport, result.outcomes);
    return result;
  }

 private:
  /// Leaves the step's bytes in loads_.
  Seconds step_time(const Transport& transport, const PreparedCollective& collective,
                    std::size_t s) {
    load(transport, collective, s);
    const auto links = reached_links(network_, transport, loads_);
    return latency(collective, s) +
           std::max(link_bound(loads_, links),
                    turns_bound(network_, scenario_.wire, collective.split[s], links));
  }
  /// Even spraying at full goodput.
  Seconds step_bound(const PreparedCollective& collective, std::size_t s) {
    load(network_.transport(), collective, s);
    return latency(collective, s) + link_bound(loads_, network_.links());
  }
  void load(const Transport& transport, const PreparedCollective& collective, std::size_t s) {
    loads_.clear();
    load_step(network_, transport, collective.split[s], loads_);
  }
  Seconds latency(const PreparedCollective& collective, std::size_t s) const {
    return step_latency(network_, scenario_.wire, collective.split[s],
                        collective.steps[s].start_ups);
  }

  CollectiveOutcome prototype(const Choice<Transport>& choice,
                              const PreparedCollective& collective) {
    CollectiveOutcome out;
    out.transport = transport_label(choice);
    out.collective = collective.name;
    out.ranks = collective.ranks;
    for (std::size_t s = 0; s < collective.steps.size(); ++s) {
      const auto& step = collective.steps[s];
      out.steps += step.repeat;
      out.flows += step.repeat * static_cast<std::int64_t>(step.flows.size());
      for (const auto& flow : step.flows)
        out.bytes += flow.bytes * static_cast<double>(step.repeat);
      out.bound_s += step_bound(collective, s).value * static_cast<double>(step.repeat);
    }
    return out;
  }

  /// All collectives under one transport.
  void compare(const Choice<Transport>& choice, std::vector<CollectiveOutcome>& outcomes) {
    std::vector<CollectiveOutcome> of;
    for (const auto& collective : collectives_) of.push_back(prototype(choice, collective));
    std::vector<Values> completion(of.size()), busiest(of.size());
    for (std::int64_t sample = 0; sample < scenario_.samples; ++sample) {
      const auto transport =
          choice.make({network_.paths(), static_cast<std::uint64_t>(scenario_.seed + sample)});
      SimulatedStudy simulated;
      if (scenario_.fidelity != StudyFidelity::analytic)
        simulated = simulate_(scenario_, choice, sample);
      for (std::size_t c = 0; c < of.size(); ++c) {
        const double time = analytic(*transport, collectives_[c]);
        busiest[c].add(link_bound(total_, network_.links()).value);
        completion[c].add(simulated.collectives.empty() ? time
                                                        : simulated.collectives[c].completion_s);
        if (sample > 0) continue;
        describe(*transport, collectives_[c], of[c]);
        if (simulated.collectives.empty()) continue;
        of[c].flow_time_s = simulated.collectives[c].flow_time_s;
        of[c].events = simulated.collectives[c].events;
      }
    }
    for (std::size_t c = 0; c < of.size(); ++c) {
      of[c].completion_s = completion[c].spread();
      of[c].link_seconds = busiest[c].spread();
      outcomes.push_back(std::move(of[c]));
    }
  }

  /// Leaves the bytes of all steps in total_.
  double analytic(const Transport& transport, const PreparedCollective& collective) {
    double time = 0;
    total_.clear();
    for (std::size_t s = 0; s < collective.steps.size(); ++s) {
      const auto repeat = static_cast<double>(collective.steps[s].repeat);
      time += step_time(transport, collective, s).value * repeat;
      for (const int link : loads_.touched()) total_.add(link, loads_.bytes(link) * repeat);
    }
    return time;
  }

  /// What one sample looks like in detail; total_ holds its bytes.
  void describe(const Transport& transport, const PreparedCollective& collective,
                CollectiveOutcome& out) {
    double most = 0;
    for (std::size_t l = 0; l < network_.links().size(); ++l) {
      out.link_bytes.push_back(total_.bytes(static_cast<int>(l)));
      const double seconds = out.link_bytes.back() / network_.links()[l].capacity.value;
      if (seconds > most) most = seconds, out.busiest_link = network_.links()[l].name;
    }
    const auto* weight = transport.even_spread();
    for (std::size_t s = 0; s < collective.steps.size(); ++s) {
      const auto& step = collective.steps[s];
      const bool times = s == 0 && scenario_.flow_times && step.flows.size() <= kMostPieces;
      if (weight != nullptr && !times) continue;
      const auto routes = weight != nullptr ? spread_step(network_, *weight, collective.split[s])
                                            : route_step(network_, transport, collective.split[s]);
      if (weight == nullptr)
        out.pieces += step.repeat * static_cast<std::int64_t>(routes.pieces.size());
      if (!times || routes.links.size() > kMostLinks) continue;
      load(transport, collective, s);
      out.flow_time_s =
          flow_times(network_, reached_links(network_, transport, loads_), scenario_.wire, routes,
                     collective.split[s], routes.pieces.size() > kMergeFrom ? 1e-3 : 0);
    }
  }

  const CollectiveScenario& scenario_;
  const Simulate& simulate_;
  Network network_;
  LinkLoads loads_, total_;
  std::vector<PreparedCollective> collectives_;
};

}  // namespace

StudyResult run_study(const CollectiveScenario& scenario, const Simulate& simulate) {
  return Study(scenario, simulate).run();
}

}  // namespace moesim
