#include "sim/engine/collective_simulation.hpp"

#include <algorithm>
#include <cmath>

#include "sim/engine/collective_epochs.hpp"
#include "sim/engine/joint_routes.hpp"
#include "sim/transport/turns.hpp"

namespace moesim {
namespace {

/// Who meets whom on a link in one epoch.
struct Sharing {
  std::vector<int> users;                   ///< [links] collectives that load it
  std::vector<std::vector<double>> weight;  ///< [collectives][links] its flows there
};

std::vector<PreparedCollective> prepare_all(const CollectiveScenario& scenario,
                                            const Network& network) {
  std::vector<PreparedCollective> all;
  for (const auto& entry : scenario.collectives)
    all.push_back(prepare_collective(entry, network, scenario.wire,
                                     static_cast<std::uint64_t>(scenario.seed)));
  return all;
}

class Run {
 public:
  Run(const CollectiveScenario& scenario, const Choice<Transport>& transport, std::int64_t sample)
      : scenario_(scenario),
        epochs_(epochs_of(scenario.cluster, transport,
                          static_cast<std::uint64_t>(scenario.seed + sample))),
        collectives_(prepare_all(scenario, first())),
        simulation_(shared_links(epochs_.front(), collectives_)) {
    result_.collectives.resize(collectives_.size());
  }

  SimulatedStudy run() {
    if (scenario_.fidelity == StudyFidelity::aggregate)
      for (const auto& epoch : epochs_) sharing_.push_back(sharing_of(epoch));
    for (std::size_t c = 0; c < collectives_.size(); ++c)
      simulation_.spawn(collectives_[c].name, [this, c] { collective(c); });
    if (epochs_.size() > 1) simulation_.spawn("conditions", [this] { change_capacities(); });
    simulation_.run();
    result_.activities = simulation_.activities();
    return std::move(result_);
  }

 private:
  const Network& first() const { return *epochs_.front().network; }

  std::size_t epoch_now() const { return epoch_at(epochs_, simulation_.now()); }

  void change_capacities() {
    for (std::size_t e = 1; e < epochs_.size(); ++e) {
      simulation_.sleep_for(epochs_[e].from - simulation_.now());
      const auto before = shared_links(epochs_[e - 1], collectives_),
                 now = shared_links(epochs_[e], collectives_);
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

  /// The paths of a collective depend on what the others send.
  bool planned_together(const Epoch& epoch) const {
    return collectives_.size() > 1 && epoch.transport->even_spread() == nullptr;
  }

  /// Paths of what a collective has left of a step, planned with whole steps of all in view: so
  /// that all have the same plan.
  Routes routes_of(const Epoch& epoch, std::size_t c, std::size_t s, const SplitFlows& left) const {
    if (!planned_together(epoch)) return route_step(*epoch.network, *epoch.transport, left);
    static const SplitFlows nothing;
    std::vector<const SplitFlows*> all;
    for (const auto& other : collectives_)
      all.push_back(other.split.empty() ? &nothing : &other.split.front());
    all[c] = &collectives_[c].split[s];
    return rest_of(route_together(*epoch.network, *epoch.transport, all, c), *all[c], left);
  }

  void pairwise_step(std::size_t c, std::size_t s, std::vector<double>* times) {
    const auto& prepared = collectives_[c];
    const auto start = simulation_.now();
    auto flows = prepared.split[s];
    std::vector<double> end(prepared.steps[s].flows.size(), 0);
    const auto turns = turns_bound(first(), scenario_.wire, flows,
                                   reached_links(first(), *epochs_.front().transport));
    auto epoch = epoch_now();
    while (!flows.inside.empty() || !flows.outside.empty()) {
      const auto& now = epochs_[epoch];
      check_simulated_flows(flows.inside.size() + flows.outside.size());
      const auto routes = routes_of(now, c, s, flows);
      check_simulated_flows(routes.pieces.size());
      std::vector<PathBytes> moving;
      for (const auto& piece : routes.pieces) moving.push_back({routes.path(piece), piece.bytes});
      const auto ends = simulation_.move(moving, now.until);
      std::vector<double> rest(end.size(), 0), rest_of_piece;
      for (std::size_t p = 0; p < ends.size(); ++p) {
        const auto f = static_cast<std::size_t>(routes.pieces[p].flow);
        end[f] = std::max(end[f], (ends[p].at - start).value);
        if (ends[p].rest_bytes >= 1) rest[f] += ends[p].rest_bytes;
        rest_of_piece.push_back(ends[p].rest_bytes);
      }
      const auto next = epoch_now();
      if (next != epoch) report(c, epoch, routes, rest_of_piece);
      epoch = next;
      flows = what_is_left(flows, rest);
    }
    if (const auto rest = start + turns - simulation_.now(); rest > Seconds(0))
      simulation_.sleep_for(rest);
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

  /// Links that more than one collective loads, and how many flows of each are there.
  Sharing sharing_of(const Epoch& epoch) const {
    Sharing sharing;
    const auto links = epoch.network->links().size();
    sharing.users.assign(links, 0);
    sharing.weight.assign(collectives_.size(), std::vector<double>(links, 0));
    if (collectives_.size() < 2) return sharing;
    for (std::size_t c = 0; c < collectives_.size(); ++c) {
      auto& weight = sharing.weight[c];
      const auto& split = collectives_[c].split;
      for (std::size_t s = 0; s < split.size(); ++s) {
        std::vector<double> here(links, 0);
        for (const int l : routes_of(epoch, c, s, split[s]).links)
          here[static_cast<std::size_t>(l)] += 1;
        for (std::size_t l = 0; l < links; ++l) weight[l] = std::max(weight[l], here[l]);
      }
      for (std::size_t l = 0; l < links; ++l) sharing.users[l] += weight[l] > 0 ? 1 : 0;
    }
    return sharing;
  }

  std::vector<LinkBytes> on_shared_links(std::size_t c, std::size_t epoch,
                                         const LinkLoads& loads) const {
    const auto& sharing = sharing_[epoch];
    std::vector<LinkBytes> shared;
    for (const int l : loads.touched()) {
      const auto link = static_cast<std::size_t>(l);
      if (sharing.users[link] < 2) continue;
      shared.push_back({l, loads.bytes(l), std::max(1.0, sharing.weight[c][link])});
    }
    return shared;
  }

  void aggregate_step(std::size_t c, std::size_t s) {
    const auto& prepared = collectives_[c];
    auto flows = prepared.split[s];
    for (auto e = epoch_now(); !flows.inside.empty() || !flows.outside.empty();) {
      const auto& epoch = epochs_[e];
      auto loads = epoch.network->loads();
      if (planned_together(epoch))
        routes_of(epoch, c, s, flows).load(loads);
      else
        load_step(*epoch.network, *epoch.transport, flows, loads);
      const auto links = reached_links(*epoch.network, *epoch.transport, loads);
      const auto bound = link_bound(loads, links);
      const auto turns = turns_bound(*epoch.network, scenario_.wire, flows, links);
      const double done =
          simulation_.transfer(on_shared_links(c, e, loads), std::max(bound, turns), epoch.until);
      if (done >= 1) break;
      const auto* weight = epoch.transport->even_spread();
      const auto routes = weight != nullptr ? spread_step(*epoch.network, *weight, flows)
                                            : routes_of(epoch, c, s, flows);
      const auto rest =
          rest_after(flows, prepared.steps[s].flows.size(), loads, links, routes, bound * done);
      report(c, e, routes, rest_of_pieces(routes, rest));
      flows = what_is_left(flows, rest);
      e = std::max(e + 1, epoch_now());
    }
    simulation_.sleep_for(
        step_latency(first(), scenario_.wire, prepared.split[s], prepared.steps[s].start_ups));
  }

  /// A flow's rest in proportion to its pieces.
  static std::vector<double> rest_of_pieces(const Routes& routes, const std::vector<double>& rest) {
    std::vector<double> whole(rest.size(), 0), of;
    for (const auto& piece : routes.pieces)
      whole[static_cast<std::size_t>(piece.flow)] += piece.bytes;
    for (const auto& piece : routes.pieces) {
      const auto f = static_cast<std::size_t>(piece.flow);
      of.push_back(rest[f] * piece.bytes / whole[f]);
    }
    return of;
  }

  void report(std::size_t c, std::size_t epoch, const Routes& routes,
              const std::vector<double>& rest_bytes) {
    auto& events = result_.collectives[c].events;
    for (auto& line : change_report(scenario_.cluster.links, collectives_[c].name, epochs_[epoch],
                                    epochs_[epoch + 1], routes, rest_bytes))
      events.push_back(std::move(line));
  }

  const CollectiveScenario& scenario_;
  std::vector<Epoch> epochs_;
  std::vector<PreparedCollective> collectives_;
  Simulation simulation_;
  std::vector<Sharing> sharing_;  ///< [epochs]; aggregate only
  SimulatedStudy result_;
};

}  // namespace

SimulatedStudy simulate_collectives(const CollectiveScenario& scenario,
                                    const Choice<Transport>& transport, std::int64_t sample) {
  return Run(scenario, transport, sample).run();
}

}  // namespace moesim
