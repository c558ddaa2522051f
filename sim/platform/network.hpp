// The cluster's links and how traffic between GPUs falls on them. Every GPU has one port each way
// into its island (NVLink or PCIe); every node has its NICs, shared evenly by its GPUs; the fabric
// between nodes is a topology. GPUs are numbered node by node. Knows bytes and bounds, no clock:
// transport/ adds start-up times.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/platform/cluster.hpp"
#include "sim/platform/link.hpp"

namespace moesim {

class Network {
 public:
  explicit Network(const ClusterConfig& cluster);

  int gpus() const { return nodes_ * per_node_; }
  int nodes() const { return nodes_; }
  int gpus_per_node() const { return per_node_; }
  int node_of(int gpu) const { return gpu / per_node_; }
  const NodeProfile& node() const { return profile_; }
  const std::vector<Link>& links() const { return links_; }
  LinkLoads loads() const { return LinkLoads(links_.size()); }

  void island_out(int gpu, double bytes, LinkLoads& loads) const { loads.add(2 * gpu, bytes); }
  void island_in(int gpu, double bytes, LinkLoads& loads) const { loads.add(2 * gpu + 1, bytes); }
  /// Through the NIC of a GPU, fabric not included.
  void nic_out(int gpu, double bytes, LinkLoads& loads) const { loads.add(nic_of(gpu), bytes); }
  void nic_in(int gpu, double bytes, LinkLoads& loads) const { loads.add(nic_of(gpu) + 1, bytes); }
  const Topology& fabric() const { return *fabric_; }

  /// One message from GPU to GPU: inside the island, or NIC, fabric, NIC.
  void send(int from, int to, double bytes, LinkLoads& loads) const;

 private:
  int nic_of(int gpu) const;

  int nodes_, per_node_, nics_;
  NodeProfile profile_;
  std::vector<Link> links_;
  std::unique_ptr<Topology> fabric_;
};

}  // namespace moesim
