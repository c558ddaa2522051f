#include "sim/engine/collective_simulation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/engine/collective_groups.hpp"
#include "sim/engine/simulation.hpp"

namespace moesim {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// SimGrid flows that stand for a collective on one link, at most.
constexpr double kMostShares = 16;

/// The fabric from a time on.
struct Epoch {
  Seconds from{0};
  std::unique_ptr<Network> network;
  std::unique_ptr<Transport> transport;
};

std::vector<Epoch> epochs_of(const CollectiveScenario& scenario, const Choice<Transport>& transport,
                             std::int64_t sample) {
  std::vector<Seconds> times{Seconds(0)};
  for (const auto& condition : scenario.cluster.links) times.push_back(condition.at);
  std::ranges::sort(times);
  times.erase(std::unique(times.begin(), times.end()), times.end());
  std::vector<Epoch> epochs;
  for (const auto time : times) {
    ClusterConfig cluster = scenario.cluster;
    std::erase_if(cluster.links, [&](const auto& condition) { return condition.at > time; });
    for (auto& condition : cluster.links) condition.at = Seconds(0);
    Epoch epoch{time, std::make_unique<Network>(cluster), nullptr};
    epoch.transport = transport.make(
        {epoch.network->paths(), static_cast<std::uint64_t>(scenario.seed + sample)});
    epochs.push_back(std::move(epoch));
  }
  return epochs;
}

/// A failed link keeps a capacity: nothing is routed over it, and SimGrid wants one.
std::vector<SharedLink> shared_links(const Epoch& epoch) {
  std::vector<SharedLink> links;
  for (const auto& link : reached_links(*epoch.network, *epoch.transport))
    links.push_back({link.name, std::max(link.capacity, BytesPerSecond(1))});
  return links;
}

class Run {
 public:
  Run(const CollectiveScenario& scenario, const Choice<Transport>& transport, std::int64_t sample)
      : scenario_(scenario),
        epochs_(epochs_of(scenario, transport, sample)),
        simulation_(shared_links(epochs_.front())) {
    for (const auto& entry : scenario.collectives)
      collectives_.push_back(prepare_collective(entry, first(), scenario.wire,
                                                static_cast<std::uint64_t>(scenario.seed)));
    result_.collectives.resize(collectives_.size());
  }

  SimulatedStudy run() {
    if (scenario_.fidelity == StudyFidelity::aggregate) find_shared_links();
    for (std::size_t c = 0; c < collectives_.size(); ++c)
      simulation_.spawn(collectives_[c].name, [this, c] { collective(c); });
    if (epochs_.size() > 1) simulation_.spawn("conditions", [this] { change_capacities(); });
    simulation_.run();
    result_.activities = simulation_.activities();
    return std::move(result_);
  }

 private:
  const Network& first() const { return *epochs_.front().network; }

  /// The last epoch that has begun.
  std::size_t epoch_now() const {
    std::size_t e = 0;
    while (e + 1 < epochs_.size() && epochs_[e + 1].from <= simulation_.now()) ++e;
    return e;
  }

  void change_capacities() {
    for (std::size_t e = 1; e < epochs_.size(); ++e) {
      simulation_.sleep_for(epochs_[e].from - simulation_.now());
      const auto before = shared_links(epochs_[e - 1]), now = shared_links(epochs_[e]);
      for (std::size_t l = 0; l < now.size(); ++l)
        if (now[l].capacity != before[l].capacity)
          simulation_.set_capacity(static_cast<int>(l), now[l].capacity);
    }
  }

  void collective(std::size_t c) {
    const auto& prepared = collectives_[c];
    auto& result = result_.collectives[c];
    result.start_s = prepared.start.value;
    if (prepared.start > Seconds(0)) simulation_.sleep_for(prepared.start);
    for (std::size_t s = 0; s < prepared.steps.size(); ++s)
      for (std::int64_t r = 0; r < prepared.steps[s].repeat; ++r) {
        const auto start = simulation_.now();
        if (scenario_.fidelity == StudyFidelity::aggregate)
          aggregate_step(c, s);
        else
          pairwise_step(c, s, s == 0 && r == 0 ? &result.flow_time_s : nullptr);
        // Alone and undisturbed, every repetition is like the first.
        const auto rest = prepared.steps[s].repeat - r - 1;
        if (rest == 0 || collectives_.size() > 1 || epoch_now() + 1 < epochs_.size()) continue;
        if (epochs_.size() > 1 && start < epochs_.back().from) continue;
        simulation_.sleep_for((simulation_.now() - start) * static_cast<double>(rest));
        break;
      }
    result.completion_s = (simulation_.now() - prepared.start).value;
  }

  void pairwise_step(std::size_t c, std::size_t s, std::vector<double>* times) {
    const auto& prepared = collectives_[c];
    const auto start = simulation_.now();
    auto flows = prepared.split[s];
    std::vector<double> end(prepared.steps[s].flows.size(), 0);
    auto epoch = epoch_now();
    while (!flows.inside.empty() || !flows.outside.empty()) {
      const auto& now = epochs_[epoch];
      const auto routes = route_step(*now.network, *now.transport, flows);
      std::vector<PathBytes> moving;
      for (const auto& piece : routes.pieces) moving.push_back({routes.path(piece), piece.bytes});
      const auto until = epoch + 1 < epochs_.size() ? epochs_[epoch + 1].from : Seconds(kInfinity);
      const auto ends = simulation_.move(moving, until);
      std::vector<double> rest(end.size(), 0);
      for (std::size_t p = 0; p < ends.size(); ++p) {
        const auto f = static_cast<std::size_t>(routes.pieces[p].flow);
        end[f] = std::max(end[f], (ends[p].at - start).value);
        if (ends[p].rest_bytes >= 1) rest[f] += ends[p].rest_bytes;
      }
      const auto next = epoch_now();
      if (next != epoch) report(c, routes, ends, epoch, next);
      epoch = next;
      flows = what_is_left(flows, rest);
    }
    const auto& split = prepared.split[s];
    const auto latency = step_latency(first(), scenario_.wire, split, prepared.steps[s].start_ups);
    if (times != nullptr) {
      *times = end;
      for (const int f : split.inside_of)
        (*times)[static_cast<std::size_t>(f)] += first().node().island_latency.value;
      for (std::size_t i = 0; i < split.outside.size(); ++i)
        (*times)[static_cast<std::size_t>(split.outside_of[i])] +=
            fabric_latency(first(), scenario_.wire, split.outside[i].source,
                           split.outside[i].target)
                .value;
    }
    simulation_.sleep_for(latency);
  }

  static SplitFlows what_is_left(const SplitFlows& flows, const std::vector<double>& rest) {
    SplitFlows left;
    for (std::size_t i = 0; i < flows.inside.size(); ++i)
      if (const double bytes = rest[static_cast<std::size_t>(flows.inside_of[i])]; bytes > 0) {
        left.inside.push_back({flows.inside[i].source, flows.inside[i].target, bytes});
        left.inside_of.push_back(flows.inside_of[i]);
      }
    for (std::size_t i = 0; i < flows.outside.size(); ++i)
      if (const double bytes = rest[static_cast<std::size_t>(flows.outside_of[i])]; bytes > 0) {
        left.outside.push_back({flows.outside[i].source, flows.outside[i].target, bytes});
        left.outside_of.push_back(flows.outside_of[i]);
      }
    return left;
  }

  /// What the change did to the traffic that was under way.
  void report(std::size_t c, const Routes& routes, const std::vector<FlowEnd>& ends,
              std::size_t before, std::size_t after) {
    std::vector<char> hit(first().links().size(), 0);
    for (std::size_t l = 0; l < hit.size(); ++l)
      hit[l] = epochs_[after].network->links()[l].capacity <
               epochs_[before].network->links()[l].capacity;
    std::int64_t pieces = 0;
    double bytes = 0;
    for (std::size_t p = 0; p < ends.size(); ++p) {
      const auto path = routes.path(routes.pieces[p]);
      if (ends[p].rest_bytes < 1 ||
          std::ranges::none_of(path, [&](int l) { return hit[static_cast<std::size_t>(l)] != 0; }))
        continue;
      ++pieces;
      bytes += ends[p].rest_bytes;
    }
    for (const auto& condition : scenario_.cluster.links)
      if (condition.at == epochs_[after].from)
        result_.collectives[c].events.push_back(fmt::format(
            "{:.3f} us: {} to {} {}; {}: {} pieces with {:.0f} bytes left on it were routed again, "
            "with all that had not arrived",
            condition.at.value * 1e6, condition.from, condition.to,
            condition.speed > 0 ? fmt::format("runs at {:g} of its speed", condition.speed)
                                : std::string("failed"),
            collectives_[c].name, pieces, bytes));
  }

  /// Links that more than one collective loads, and how many flows of each are there.
  void find_shared_links() {
    const auto links = first().links().size();
    users_.assign(links, 0);
    weight_.assign(collectives_.size(), std::vector<double>(links, 0));
    if (collectives_.size() < 2) return;
    for (std::size_t c = 0; c < collectives_.size(); ++c) {
      for (const auto& split : collectives_[c].split) {
        std::vector<double> here(links, 0);
        for (const int l : route_step(first(), *epochs_.front().transport, split).links)
          here[static_cast<std::size_t>(l)] += 1;
        for (std::size_t l = 0; l < links; ++l) weight_[c][l] = std::max(weight_[c][l], here[l]);
      }
      for (std::size_t l = 0; l < links; ++l) users_[l] += weight_[c][l] > 0 ? 1 : 0;
    }
    double most = 1;
    for (const auto& of : weight_)
      for (std::size_t l = 0; l < links; ++l)
        if (users_[l] > 1) most = std::max(most, of[l]);
    scale_ = std::max(1.0, most / kMostShares);
  }

  void aggregate_step(std::size_t c, std::size_t s) {
    const auto& prepared = collectives_[c];
    auto loads = first().loads();
    load_step(first(), *epochs_.front().transport, prepared.split[s], loads);
    const auto bound = link_bound(loads, reached_links(first(), *epochs_.front().transport));
    std::vector<LinkBytes> shared;
    for (const int l : loads.touched()) {
      const auto link = static_cast<std::size_t>(l);
      if (users_.empty() || users_[link] < 2) continue;
      const auto flows = std::max(1.0, std::round(weight_[c][link] / scale_));
      shared.push_back({l, loads.bytes(l), static_cast<int>(flows)});
    }
    simulation_.transfer(shared, bound);
    simulation_.sleep_for(
        step_latency(first(), scenario_.wire, prepared.split[s], prepared.steps[s].start_ups));
  }

  const CollectiveScenario& scenario_;
  std::vector<Epoch> epochs_;
  Simulation simulation_;
  std::vector<PreparedCollective> collectives_;
  std::vector<int> users_;                   ///< [links] collectives that load it
  std::vector<std::vector<double>> weight_;  ///< [collectives][links] its flows there
  double scale_ = 1;                         ///< flows that one SimGrid flow stands for
  SimulatedStudy result_;
};

}  // namespace

SimulatedStudy simulate_collectives(const CollectiveScenario& scenario,
                                    const Choice<Transport>& transport, std::int64_t sample) {
  return Run(scenario, transport, sample).run();
}

}  // namespace moesim
