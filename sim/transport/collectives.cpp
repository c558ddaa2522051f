#include "sim/transport/collectives.hpp"

#include <algorithm>
#include <bit>
#include <map>

namespace moesim {
namespace {

// The shards of every GPU travel a ring of its counterparts on the other nodes: loads on NICs and fabric.
void between_nodes(const Network& network, const Group& group, double bytes_per_gpu, Transfer& into) {
  if (group.nodes() < 2) return;
  for (int i = 0; i < group.size(); ++i) {
    const int gpu = group.gpus()[static_cast<std::size_t>(i)];
    network.nic_out(gpu, bytes_per_gpu, into.loads);
    network.nic_in(gpu, bytes_per_gpu, into.loads);
  }
  // A ring: every node sends to the next one only.
  const auto& nodes = group.per_node();
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    const auto& next = nodes[(n + 1) % nodes.size()];
    network.fabric().send(nodes[n].first, next.first, bytes_per_gpu * nodes[n].second, into.loads);
  }
}

// Loads of a gather or scatter inside nodes and between them; `scale` corrects for the collective's own efficiency.
void gather_loads(const Network& network, const Group& group, double bytes, double passes, double scale,
                  Transfer& into) {
  int fewest = group.size();
  for (int i = 0; i < group.size(); ++i) fewest = std::min(fewest, group.peers(i));
  const double nodes = group.nodes();
  const double outside = passes * (nodes - 1) / nodes * bytes / fewest;  // the node with the fewest NICs bounds
  for (int i = 0; i < group.size(); ++i) {
    const int gpu = group.gpus()[static_cast<std::size_t>(i)];
    const double g = group.peers(i);
    const double inside = passes * (g - 1) / g * bytes;
    network.island_out(gpu, inside * scale, into.loads);
    network.island_in(gpu, inside * scale, into.loads);
    into.payload_bytes += inside + outside;
  }
  between_nodes(network, group, outside, into);
}

}  // namespace

Group::Group(const Network& network, std::vector<int> gpus) : gpus_(std::move(gpus)) {
  std::map<int, int> count;
  for (const int gpu : gpus_) ++count[network.node_of(gpu)];
  per_node_.assign(count.begin(), count.end());
  for (const int gpu : gpus_) peers_.push_back(count[network.node_of(gpu)]);
}

Seconds group_latency(const Network& network, const Group& group, Seconds island) {
  const bool inside = std::ranges::any_of(group.per_node(), [](const auto& node) { return node.second > 1; });
  const int doublings = std::bit_width(static_cast<unsigned>(group.nodes() - 1));
  return (inside ? island : Seconds(0)) + network.node().nic_latency * static_cast<double>(doublings);
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

void send_recv(const Network& network, int from, int to, double bytes, Transfer& into) {
  if (from == to || bytes <= 0) return;
  const bool inside = network.node_of(from) == network.node_of(to);
  into.latency += inside ? network.node().island_latency : network.node().nic_latency;
  into.payload_bytes += bytes;
  network.send(from, to, bytes, into.loads);
}

}  // namespace moesim
