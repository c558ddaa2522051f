// Traffic divided over all shortest paths: endpoints' bytes are summed by pair of switches, then
// pushed down the tree of every destination, farthest switches first.
#include <algorithm>
#include <numeric>

#include "sim/platform/path_sets.hpp"

namespace moesim {

/// Bytes between switches that have endpoints, [destination][source].
class PathSets::Demand {
 public:
  Demand(const PathSets& sets, PathWeight weight)
      : sets_(sets), weight_(weight), edges_(sets.edges_.size()), bytes_(edges_ * edges_, 0.0) {}

  void add(int from_switch, int to_switch, double bytes) {
    bytes_[index(to_switch) * edges_ + index(from_switch)] += bytes;
  }

  void load(LinkLoads& loads) const {
    std::vector<double> amount(static_cast<std::size_t>(sets_.fabric_.switches()), 0.0);
    for (std::size_t d = 0; d < edges_; ++d) {
      bool any = false;
      for (std::size_t s = 0; s < edges_; ++s) {
        const double bytes = bytes_[d * edges_ + s];
        if (bytes <= 0 || s == d) continue;
        amount[static_cast<std::size_t>(sets_.edges_[s])] = bytes;
        any = true;
      }
      if (any) push(sets_.towards(sets_.edges_[d]), amount, loads);
    }
  }

 private:
  std::size_t index(int a_switch) const {
    return static_cast<std::size_t>(sets_.edge_index_[static_cast<std::size_t>(a_switch)]);
  }

  void push(const PathTree& tree, std::vector<double>& amount, LinkLoads& loads) const {
    const auto& weights = weight_ == PathWeight::even ? tree.paths : tree.capacity_weight;
    const auto& links = sets_.fabric_.links();
    for (const int v : tree.far_to_near) {
      const auto at = static_cast<std::size_t>(v);
      const double bytes = amount[at];
      amount[at] = 0;
      if (bytes <= 0) continue;
      const std::span<const PathTree::Hop> hops(tree.hops.data() + tree.first[at],
                                                tree.hops.data() + tree.first[at + 1]);
      double total = 0;
      const auto share = [&](const PathTree::Hop& hop) {
        const double way = weights[static_cast<std::size_t>(hop.to)];
        return weight_ == PathWeight::even
                   ? way
                   : way * links[static_cast<std::size_t>(hop.link)].capacity.value;
      };
      for (const auto& hop : hops) total += share(hop);
      for (const auto& hop : hops) {
        const double part = bytes * (share(hop) / total);
        loads.add(hop.link, part);
        amount[static_cast<std::size_t>(hop.to)] += part;
      }
    }
  }

  const PathSets& sets_;
  PathWeight weight_;
  std::size_t edges_;
  std::vector<double> bytes_;
};

void PathSets::spread(std::span<const Flow> flows, PathWeight weight, LinkLoads& loads) const {
  Demand demand(*this, weight);
  std::vector<std::pair<Port, Port>> pairs;
  for (const auto& flow : flows) {
    if (flow.source == flow.target || flow.bytes <= 0) continue;
    const auto sources = fabric_.ports(flow.source), targets = fabric_.ports(flow.target);
    if (sources.size() == 1 && targets.size() == 1) {
      const auto &s = sources.front(), &t = targets.front();
      if (s.at != t.at && towards(t.at).distance[static_cast<std::size_t>(s.at)] < 0)
        no_path(flow.source, flow.target);
      if (!fabric_.up(s.out) || !fabric_.up(t.in)) no_path(flow.source, flow.target);
      loads.add(s.out, flow.bytes);
      loads.add(t.in, flow.bytes);
      demand.add(s.at, t.at, flow.bytes);
      continue;
    }
    if (port_pairs(flow.source, flow.target, pairs) == 0) no_path(flow.source, flow.target);
    double total = 0;
    const auto weight_of = [&](const std::pair<Port, Port>& pair) {
      const double out = fabric_.links()[static_cast<std::size_t>(pair.first.out)].capacity.value;
      const double in = fabric_.links()[static_cast<std::size_t>(pair.second.in)].capacity.value;
      const auto at = static_cast<std::size_t>(pair.first.at);
      const auto& tree = towards(pair.second.at);
      return weight == PathWeight::even ? tree.paths[at] : tree.capacity_weight[at] * out * in;
    };
    for (const auto& pair : pairs) total += weight_of(pair);
    for (const auto& pair : pairs) {
      const double part = flow.bytes * (weight_of(pair) / total);
      loads.add(pair.first.out, part);
      loads.add(pair.second.in, part);
      demand.add(pair.first.at, pair.second.at, part);
    }
  }
  demand.load(loads);
}

void PathSets::spread_product(std::span<const double> out, std::span<const double> share,
                              std::span<const int> group, PathWeight weight,
                              LinkLoads& loads) const {
  const auto endpoints = out.size();
  bool single = true;
  for (std::size_t e = 0; e < endpoints; ++e)
    single = single && fabric_.ports(static_cast<int>(e)).size() == 1;
  if (!single) {
    std::vector<Flow> flows;
    for (std::size_t a = 0; a < endpoints; ++a)
      for (std::size_t b = 0; b < endpoints; ++b)
        if (group[a] != group[b] && out[a] * share[b] > 0)
          flows.push_back({static_cast<int>(a), static_cast<int>(b), out[a] * share[b]});
    spread(flows, weight, loads);
    return;
  }
  // Whole switches first, then less what stays inside a group.
  const auto groups = static_cast<std::size_t>(1 + *std::ranges::max_element(group));
  const auto switches = static_cast<std::size_t>(fabric_.switches());
  std::vector<double> group_out(groups, 0), group_share(groups, 0), at_out(switches, 0),
      at_share(switches, 0);
  const auto at = [&](std::size_t e) {
    return static_cast<std::size_t>(fabric_.ports(static_cast<int>(e)).front().at);
  };
  std::vector<std::vector<std::size_t>> members(groups);
  for (std::size_t e = 0; e < endpoints; ++e) {
    const auto g = static_cast<std::size_t>(group[e]);
    group_out[g] += out[e], group_share[g] += share[e];
    at_out[at(e)] += out[e], at_share[at(e)] += share[e];
    members[g].push_back(e);
  }
  const double all_out = std::accumulate(out.begin(), out.end(), 0.0);
  const double all_share = std::accumulate(share.begin(), share.end(), 0.0);
  for (std::size_t e = 0; e < endpoints; ++e) {
    const auto g = static_cast<std::size_t>(group[e]);
    const auto& port = fabric_.ports(static_cast<int>(e)).front();
    loads.add(port.out, out[e] * std::max(0.0, all_share - group_share[g]));
    loads.add(port.in, share[e] * std::max(0.0, all_out - group_out[g]));
  }
  Demand demand(*this, weight);
  for (const int a : edges_)
    for (const int b : edges_)
      if (a != b)
        demand.add(a, b,
                   at_out[static_cast<std::size_t>(a)] * at_share[static_cast<std::size_t>(b)]);
  for (const auto& group_members : members)
    for (const auto a : group_members)
      for (const auto b : group_members)
        if (at(a) != at(b))
          demand.add(static_cast<int>(at(a)), static_cast<int>(at(b)), -out[a] * share[b]);
  demand.load(loads);
}

}  // namespace moesim
