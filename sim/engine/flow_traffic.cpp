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
    set.outside = outside;
    for (std::size_t i = 0; i < set.outside.size(); ++i) set.outside_of.push_back(next++);
  }
  return sets;
}

std::vector<double> bytes_of(const std::vector<SplitFlows>& sets, std::size_t flows) {
  std::vector<double> bytes(flows, 0);
  for (const auto& set : sets) {
    for (std::size_t i = 0; i < set.inside.size(); ++i)
      bytes[static_cast<std::size_t>(set.inside_of[i])] = set.inside[i].bytes;
    for (std::size_t i = 0; i < set.outside.size(); ++i)
      bytes[static_cast<std::size_t>(set.outside_of[i])] = set.outside[i].bytes;
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

std::vector<FlowEnd> FlowTraffic::move(const Routes& routes, const std::vector<double>& flow_bytes,
                                       int first_link, Seconds until) {
  auto links = routes.links;
  for (auto& link : links) link += first_link;
  std::vector<PathBytes> moving;
  for (const auto& piece : routes.pieces)
    moving.push_back({{links.data() + piece.first_link, piece.links},
                      piece.bytes,
                      piece.bytes / flow_bytes[static_cast<std::size_t>(piece.flow)]});
  return simulation_.move(moving, until);
}

void FlowTraffic::move(const FlowList& flows, Seconds at_least) {
  const Seconds end = simulation_.now() + at_least;
  auto sets = numbered(flows);
  std::size_t count = flows.inside.size();
  for (const auto& set : flows.outside) count += set.size();
  check_simulated_flows(count);
  for (auto e = epoch_at(epochs_, simulation_.now()); !sets.empty();) {
    const auto here = under_way_.insert(under_way_.end(), route(epochs_[e], sets));
    const auto ends = move(*here, bytes_of(sets, count), first_link_, epochs_[e].until);
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
  move(given, bytes, 0, Seconds(std::numeric_limits<double>::infinity()));
  if (end > simulation_.now()) simulation_.sleep_for(end - simulation_.now());
}

void Carrier::carry(const OnLinks& links, Seconds alone) const {
  if (!links.flows.empty()) {
    assert(flows != nullptr);
    return flows->move(links.flows, links.at_least);
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
