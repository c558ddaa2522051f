#include "sim/engine/flow_traffic.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace moesim {
namespace {

/// The flows with numbers of their own, each set apart.
std::vector<SplitFlows> numbered(const FlowList& flows) {
  std::vector<SplitFlows> sets;
  int next = 0;
  if (!flows.inside.empty()) {
    auto& set = sets.emplace_back();
    set.inside = flows.inside;
    for (std::size_t i = 0; i < set.inside.size(); ++i) set.inside_of.push_back(next++);
  }
  for (const auto& outside : flows.outside) {
    auto& set = sets.emplace_back();
    set.outside = outside.flows;
    for (std::size_t i = 0; i < set.outside.size(); ++i) set.outside_of.push_back(next++);
  }
  return sets;
}

/// How many flows each of them stands for, in the same order.
std::vector<double> stand_for(const FlowList& flows) {
  std::vector<double> all(flows.inside.size(), 1);
  for (const auto& set : flows.outside)
    all.insert(all.end(), set.stand_for.begin(), set.stand_for.end());
  return all;
}

/// Bytes of every flow that have one share of a link.
std::vector<double> bytes_per_share(const std::vector<SplitFlows>& sets,
                                    const std::vector<double>& shares) {
  std::vector<double> bytes(shares.size(), 0);
  const auto set_all = [&](const std::vector<Flow>& flows, const std::vector<int>& numbers) {
    for (std::size_t i = 0; i < flows.size(); ++i) {
      const auto f = static_cast<std::size_t>(numbers[i]);
      bytes[f] = flows[i].bytes / shares[f];
    }
  };
  for (const auto& set : sets) {
    set_all(set.inside, set.inside_of);
    set_all(set.outside, set.outside_of);
  }
  return bytes;
}

}  // namespace

FlowTraffic::FlowTraffic(Simulation& simulation, std::span<const Epoch> epochs,
                         std::span<const LinkCondition> conditions, int first_link)
    : simulation_(simulation), epochs_(epochs), conditions_(conditions), first_link_(first_link) {}

void FlowTraffic::follow_conditions() {
  if (epochs_.size() < 2) return;
  simulation_.spawn_beside("conditions", [this] {
    for (std::size_t e = 1; e < epochs_.size(); ++e) {
      simulation_.sleep_for(epochs_[e].from - simulation_.now());
      const auto before = simulated_links(epochs_[e - 1].network->links()),
                 now = simulated_links(epochs_[e].network->links());
      for (std::size_t l = 0; l < now.size(); ++l)
        if (now[l].capacity != before[l].capacity)
          simulation_.set_capacity(first_link_ + static_cast<int>(l), now[l].capacity);
    }
  });
}

Routes FlowTraffic::route(const Epoch& epoch, const std::vector<SplitFlows>& sets) const {
  auto busy = epoch.network->loads();
  for (const auto& routes : under_way_) routes.load(busy);
  Routes all;
  for (const auto& set : sets) {
    const auto routes = route_step(*epoch.network, *epoch.transport, set, &busy);
    for (auto piece : routes.pieces) {
      piece.first_link += all.links.size();
      all.pieces.push_back(piece);
    }
    all.links.insert(all.links.end(), routes.links.begin(), routes.links.end());
  }
  check_simulated_flows(all.pieces.size());
  return all;
}

std::vector<FlowEnd> FlowTraffic::move(const Routes& routes, const std::vector<double>& per_share,
                                       int first_link, Seconds until, double effective) {
  auto links = routes.links;
  for (auto& link : links) link += first_link;
  std::vector<PathBytes> moving;
  for (const auto& piece : routes.pieces)
    moving.push_back({{links.data() + piece.first_link, piece.links},
                      piece.bytes * effective,
                      piece.bytes / per_share[static_cast<std::size_t>(piece.flow)]});
  auto ends = simulation_.move(moving, until);
  for (std::size_t p = 0; p < ends.size(); ++p) {
    ends[p].rest_bytes /= effective;
    for (const int link : moving[p].links) {
      const auto l = static_cast<std::size_t>(link);
      if (l >= link_bytes_.size()) link_bytes_.resize(l + 1, 0);
      link_bytes_[l] += routes.pieces[p].bytes - ends[p].rest_bytes;
    }
  }
  return ends;
}

void FlowTraffic::move(const FlowList& flows, Seconds at_least, double effective) {
  const Seconds end = simulation_.now() + at_least;
  auto sets = numbered(flows);
  const auto shares = stand_for(flows);
  const auto count = shares.size();
  check_simulated_flows(count);
  if (effective <= 0) sets.clear();
  for (auto e = epoch_at(epochs_, simulation_.now()); !sets.empty();) {
    const auto here = under_way_.insert(under_way_.end(), route(epochs_[e], sets));
    const auto ends =
        move(*here, bytes_per_share(sets, shares), first_link_, epochs_[e].until, effective);
    std::vector<double> rest(count, 0), rest_of_piece;
    for (std::size_t p = 0; p < ends.size(); ++p) {
      rest_of_piece.push_back(ends[p].rest_bytes);
      if (ends[p].rest_bytes >= 1)
        rest[static_cast<std::size_t>(here->pieces[p].flow)] += ends[p].rest_bytes;
    }
    for (auto& set : sets) set = what_is_left(set, rest);
    std::erase_if(sets, [](const auto& set) { return set.inside.empty() && set.outside.empty(); });
    const auto next = epoch_at(epochs_, simulation_.now());
    if (next != e && !sets.empty())
      for (auto& line : change_report(conditions_, "a transfer", epochs_[e], epochs_[next], *here,
                                      rest_of_piece))
        events_.push_back(std::move(line));
    under_way_.erase(here);
    e = next;
  }
  if (end > simulation_.now()) simulation_.sleep_for(end - simulation_.now());
}

void FlowTraffic::move(const Routes& given, Seconds at_least) {
  const Seconds end = simulation_.now() + at_least;
  std::vector<double> bytes;
  for (const auto& piece : given.pieces) {
    bytes.resize(std::max(bytes.size(), static_cast<std::size_t>(piece.flow) + 1), 0);
    bytes[static_cast<std::size_t>(piece.flow)] += piece.bytes;
  }
  move(given, bytes, 0, Seconds(std::numeric_limits<double>::infinity()), 1);
  if (end > simulation_.now()) simulation_.sleep_for(end - simulation_.now());
}

void Carrier::carry(const OnLinks& links, Seconds alone) const {
  if (!links.flows.empty()) {
    assert(flows != nullptr);
    return flows->move(links.flows, links.at_least, links.effective);
  }
  if (first_link == 0) {
    simulation.transfer(links.shared, alone);
    return;
  }
  auto loads = links.shared;
  for (auto& load : loads) load.link += first_link;
  simulation.transfer(loads, alone);
}

}  // namespace moesim
