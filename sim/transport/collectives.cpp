#include "sim/transport/collectives.hpp"

#include <algorithm>
#include <bit>
#include <map>

namespace moesim {
namespace {

std::map<int, std::vector<int>> members_by_node(const Network& network, const Group& group) {
  std::map<int, std::vector<int>> members;
  for (const int gpu : group.gpus()) members[network.node_of(gpu)].push_back(gpu);
  return members;
}

/// Every node sends `per_node` bytes to the next one, split over its members' NICs.
std::vector<Flow> node_ring(const Network& network, const Group& group, double per_node) {
  const auto members = members_by_node(network, group);
  std::vector<Flow> flows;
  for (auto node = members.begin(); node != members.end(); ++node) {
    const auto next = std::next(node) == members.end() ? members.begin() : std::next(node);
    const auto &from = node->second, &to = next->second;
    if (from.size() == to.size()) {
      for (std::size_t i = 0; i < from.size(); ++i)
        flows.push_back({from[i], to[i], per_node / static_cast<double>(from.size())});
      continue;
    }
    for (const int a : from)
      for (const int b : to)
        flows.push_back({a, b, per_node / static_cast<double>(from.size() * to.size())});
  }
  return flows;
}

// Loads of a gather or scatter; `scale` corrects for the collective's own efficiency in the island.
// Between nodes the data travels a ring of the nodes, each node's share split over the NICs of its
// members; inside a node, a ring of the members.
void gather_loads(const Network& network, const Group& group, double bytes, double passes,
                  double scale, Transfer& into) {
  const double nodes = group.nodes();
  const double per_node = passes * (nodes - 1) / nodes * bytes;  // leaves, and enters, every node
  for (int i = 0; i < group.size(); ++i) {
    const int gpu = group.gpus()[static_cast<std::size_t>(i)];
    const double g = group.peers(i);
    const double inside = passes * (g - 1) / g * bytes;
    network.island_out(gpu, inside * scale, into.loads);
    network.island_in(gpu, inside * scale, into.loads);
    into.payload_bytes += inside + per_node / g;
  }
  if (into.listed)
    for (const auto& [node, gpus] : members_by_node(network, group)) {
      const auto g = static_cast<double>(gpus.size());
      for (std::size_t i = 0; i < gpus.size(); ++i)
        into.list.add_inside(gpus[i], gpus[(i + 1) % gpus.size()],
                             passes * (g - 1) / g * bytes * scale);
    }
  if (nodes > 1) network.send(node_ring(network, group, per_node), into.loads, into.flow_list());
}

}  // namespace

Group::Group(const Network& network, std::vector<int> gpus) : gpus_(std::move(gpus)) {
  std::map<int, int> count;
  for (const int gpu : gpus_) ++count[network.node_of(gpu)];
  per_node_.assign(count.begin(), count.end());
  for (const int gpu : gpus_) peers_.push_back(count[network.node_of(gpu)]);
}

Seconds group_latency(const Network& network, const Group& group, Seconds island) {
  const bool inside =
      std::ranges::any_of(group.per_node(), [](const auto& node) { return node.second > 1; });
  const int doublings = std::bit_width(static_cast<unsigned>(group.nodes() - 1));
  return (inside ? island : Seconds(0)) +
         network.node().nic_latency * static_cast<double>(doublings);
}

void all_reduce(const Network& network, const Group& group, double bytes, Transfer& into) {
  if (group.size() < 2 || bytes <= 0) return;
  const auto& node = network.node();
  into.latency += group_latency(network, group, node.all_reduce_latency);
  gather_loads(network, group, bytes, 2, node.island_efficiency / node.all_reduce_efficiency, into);
}

void all_gather(const Network& network, const Group& group, double bytes, Transfer& into) {
  if (group.size() < 2 || bytes <= 0) return;
  into.latency += group_latency(network, group, network.node().island_latency);
  gather_loads(network, group, bytes, 1, 1, into);
}

void reduce_scatter(const Network& network, const Group& group, double bytes, Transfer& into) {
  all_gather(network, group, bytes, into);  // the same bytes in the opposite direction
}

void gather_flows(const Network& network, const Group& group, Transfer& into) {
  for (int i = 0; i < group.size(); ++i) {
    const int gpu = group.gpus()[static_cast<std::size_t>(i)];
    if (group.peers(i) < 2) continue;
    network.island_out(gpu, 1, into.loads);
    network.island_in(gpu, 1, into.loads);
  }
  if (group.nodes() < 2) return;
  auto flows = node_ring(network, group, 1);
  for (auto& flow : flows) flow.bytes = 1;
  network.send(flows, into.loads);
}

void send_recv(const Network& network, int from, int to, double bytes, Transfer& into) {
  const Flow flow{from, to, bytes};
  send_together(network, std::span(&flow, 1), into);
}

void send_together(const Network& network, std::span<const Flow> between_gpus, Transfer& into) {
  Seconds latency(0);
  for (const auto& flow : between_gpus) {
    if (flow.source == flow.target || flow.bytes <= 0) continue;
    const bool inside = network.node_of(flow.source) == network.node_of(flow.target);
    latency =
        std::max(latency, inside ? network.node().island_latency : network.node().nic_latency);
    into.payload_bytes += flow.bytes;
  }
  into.latency += latency;
  network.send(between_gpus, into.loads, into.flow_list());
}

}  // namespace moesim
