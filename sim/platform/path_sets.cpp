#include "sim/platform/path_sets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/compressed_sparse_row_graph.hpp>
#include <numeric>

#include "sim/core/error.hpp"

namespace moesim {

// Backwards for the search from a destination, forwards to tell which links lead nearer to it.
struct PathSets::Graph {
  using Backwards = boost::compressed_sparse_row_graph<boost::directedS>;
  Backwards backwards;
  std::vector<int> first, links;  ///< links that leave a switch, in the order of their creation

  explicit Graph(const Fabric& fabric) {
    const auto switches = static_cast<std::size_t>(fabric.switches());
    std::vector<std::pair<std::size_t, std::size_t>> edges;
    first.assign(switches + 1, 0);
    std::vector<int> usable;
    for (int l = 0; l < static_cast<int>(fabric.links().size()); ++l) {
      const auto [from, to] = fabric.ends(l);
      if (from < 0 || to < 0 || !fabric.up(l)) continue;
      usable.push_back(l);
      edges.emplace_back(to, from);
      ++first[static_cast<std::size_t>(from) + 1];
    }
    std::partial_sum(first.begin(), first.end(), first.begin());
    links.resize(usable.size());
    auto next = first;
    for (const int l : usable)
      links[static_cast<std::size_t>(next[static_cast<std::size_t>(fabric.ends(l).from)]++)] = l;
    backwards =
        Backwards(boost::edges_are_unsorted_multi_pass, edges.begin(), edges.end(), switches);
  }
};

PathSets::PathSets(const Fabric& fabric)
    : fabric_(fabric),
      graph_(std::make_unique<Graph>(fabric)),
      trees_(static_cast<std::size_t>(fabric.switches())),
      edge_index_(static_cast<std::size_t>(fabric.switches()), -1) {
  for (int l = 0; l < static_cast<int>(fabric.links().size()); ++l)
    if (fabric.ends(l).from >= 0 && fabric.ends(l).to >= 0)
      fastest_ = std::max(fastest_, fabric.links()[static_cast<std::size_t>(l)].capacity.value);
  for (int e = 0; e < fabric.endpoints(); ++e)
    for (const auto& port : fabric.ports(e)) {
      auto& index = edge_index_[static_cast<std::size_t>(port.at)];
      if (index >= 0) continue;
      index = static_cast<int>(edges_.size());
      edges_.push_back(port.at);
    }
}

PathSets::~PathSets() = default;

const PathTree& PathSets::towards(int a_switch) const {
  auto& slot = trees_[static_cast<std::size_t>(a_switch)];
  if (slot) return *slot;
  slot = std::make_unique<PathTree>();
  auto& tree = *slot;
  const auto switches = static_cast<std::size_t>(fabric_.switches());
  tree.distance.assign(switches, -1);
  tree.distance[static_cast<std::size_t>(a_switch)] = 0;
  boost::breadth_first_search(
      graph_->backwards, static_cast<std::size_t>(a_switch),
      boost::visitor(boost::make_bfs_visitor(boost::record_distances(
          boost::make_iterator_property_map(tree.distance.begin(),
                                            get(boost::vertex_index, graph_->backwards)),
          boost::on_tree_edge()))));
  tree.first.assign(switches + 1, 0);
  for (std::size_t v = 0; v < switches; ++v) {
    for (int i = graph_->first[v]; i < graph_->first[v + 1]; ++i) {
      const int link = graph_->links[static_cast<std::size_t>(i)];
      const int to = fabric_.ends(link).to;
      if (tree.distance[v] > 0 &&
          tree.distance[static_cast<std::size_t>(to)] == tree.distance[v] - 1)
        tree.hops.push_back({link, to});
    }
    tree.first[v + 1] = static_cast<int>(tree.hops.size());
    if (tree.distance[v] >= 0) tree.far_to_near.push_back(static_cast<int>(v));
  }
  std::ranges::stable_sort(tree.far_to_near, std::greater{},
                           [&](int v) { return tree.distance[static_cast<std::size_t>(v)]; });
  tree.paths.assign(switches, 0);
  tree.capacity_weight.assign(switches, 0);
  tree.paths[static_cast<std::size_t>(a_switch)] = 1;
  tree.capacity_weight[static_cast<std::size_t>(a_switch)] = 1;
  for (auto it = tree.far_to_near.rbegin(); it != tree.far_to_near.rend(); ++it) {
    const auto v = static_cast<std::size_t>(*it);
    const std::span<const PathTree::Hop> hops(tree.hops.data() + tree.first[v],
                                              tree.hops.data() + tree.first[v + 1]);
    for (const auto& hop : hops) {
      const auto to = static_cast<std::size_t>(hop.to);
      tree.paths[v] += tree.paths[to];
      tree.capacity_weight[v] +=
          tree.capacity_weight[to] *
          fabric_.links()[static_cast<std::size_t>(hop.link)].capacity.value / fastest_;
    }
  }
  return tree;
}

std::int64_t PathSets::port_pairs(int source, int target,
                                  std::vector<std::pair<Port, Port>>& pairs) const {
  pairs.clear();
  int shortest = -1;
  double total = 0;
  for (const auto& s : fabric_.ports(source))
    for (const auto& t : fabric_.ports(target)) {
      if (!fabric_.up(s.out) || !fabric_.up(t.in)) continue;
      const auto& tree = towards(t.at);
      const int distance = tree.distance[static_cast<std::size_t>(s.at)];
      if (distance < 0 || (shortest >= 0 && distance > shortest)) continue;
      if (distance < shortest || shortest < 0) pairs.clear(), total = 0;
      shortest = distance;
      pairs.emplace_back(s, t);
      total += tree.paths[static_cast<std::size_t>(s.at)];
    }
  return static_cast<std::int64_t>(std::min(total, 0x1p53));
}

std::int64_t PathSets::count(int source, int target) const {
  std::vector<std::pair<Port, Port>> pairs;
  return port_pairs(source, target, pairs);
}

int PathSets::hops(int source, int target) const {
  std::vector<std::pair<Port, Port>> pairs;
  if (port_pairs(source, target, pairs) == 0) return -1;
  const auto& [s, t] = pairs.front();
  return towards(t.at).distance[static_cast<std::size_t>(s.at)] + 2;
}

double PathSets::append_path(int source, int target, std::int64_t index,
                             std::vector<int>& links) const {
  std::vector<std::pair<Port, Port>> pairs;
  port_pairs(source, target, pairs);
  auto rest = static_cast<double>(index);
  for (const auto& [s, t] : pairs) {
    const auto& tree = towards(t.at);
    auto at = static_cast<std::size_t>(s.at);
    if (rest >= tree.paths[at]) {
      rest -= tree.paths[at];
      continue;
    }
    const auto capacity = [&](int link) {
      return fabric_.links()[static_cast<std::size_t>(link)].capacity.value;
    };
    double weight = capacity(s.out) * capacity(t.in);
    links.push_back(s.out);
    while (tree.distance[at] > 0) {
      const std::span<const PathTree::Hop> hops(tree.hops.data() + tree.first[at],
                                                tree.hops.data() + tree.first[at + 1]);
      std::size_t i = 0;
      for (; i + 1 < hops.size(); ++i) {
        const double through = tree.paths[static_cast<std::size_t>(hops[i].to)];
        if (rest < through) break;
        rest -= through;
      }
      links.push_back(hops[i].link);
      weight *= capacity(hops[i].link) / fastest_;
      at = static_cast<std::size_t>(hops[i].to);
    }
    links.push_back(t.in);
    return weight;
  }
  no_path(source, target);
}

Seconds PathSets::latency(int source, int target) const {
  std::vector<int> links;
  append_path(source, target, 0, links);
  Seconds sum(0);
  for (const int l : links) sum += fabric_.links()[static_cast<std::size_t>(l)].latency;
  return sum;
}

void PathSets::no_path(int source, int target) const {
  throw InputError(fmt::format(
      "no path from {} to {}: the fabric is disconnected between them{}",
      fabric_.endpoint_name(source), fabric_.endpoint_name(target),
      std::ranges::any_of(fabric_.links(), [](const Link& l) { return l.capacity.value == 0; })
          ? " (some of its links have failed)"
          : ""));
}

}  // namespace moesim
