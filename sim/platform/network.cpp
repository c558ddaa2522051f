#include "sim/platform/network.hpp"

#include <fmt/format.h>

#include <cassert>

namespace moesim {

Network::Network(const ClusterConfig& cluster)
    : nodes_(static_cast<int>(cluster.nodes)),
      per_node_(static_cast<int>(cluster.node.node.gpus)),
      nics_(static_cast<int>(cluster.node.node.nics)),
      profile_(cluster.node.node) {
  assert(nodes_ == 1 || nics_ > 0);
  const BytesPerSecond port = profile_.island_bandwidth * profile_.island_efficiency;
  for (int gpu = 0; gpu < gpus(); ++gpu) {
    links_.push_back({fmt::format("gpu {} island out", gpu), port});
    links_.push_back({fmt::format("gpu {} island in", gpu), port});
  }
  const BytesPerSecond nic = profile_.nic_bandwidth * profile_.nic_efficiency;
  for (int node = 0; node < nodes_; ++node)
    for (int i = 0; i < nics_; ++i) {
      links_.push_back({fmt::format("node {} nic {} out", node, i), nic});
      links_.push_back({fmt::format("node {} nic {} in", node, i), nic});
    }
  fabric_ = cluster.fabric.make({cluster.nodes,
                                 profile_.nic_bandwidth * static_cast<double>(profile_.nics),
                                 profile_.nic_efficiency});
  fabric_->build(links_);
}

int Network::nic_of(int gpu) const {
  const int local = gpu % per_node_;
  const int nic = static_cast<int>(static_cast<std::int64_t>(local) * nics_ / per_node_);
  return 2 * gpus() + 2 * (node_of(gpu) * nics_ + nic);
}

void Network::send(int from, int to, double bytes, LinkLoads& loads) const {
  if (from == to) return;
  if (node_of(from) == node_of(to)) {
    island_out(from, bytes, loads);
    island_in(to, bytes, loads);
    return;
  }
  nic_out(from, bytes, loads);
  fabric_->send(node_of(from), node_of(to), bytes, loads);
  nic_in(to, bytes, loads);
}

}  // namespace moesim
