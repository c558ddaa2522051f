// The cluster's links and how traffic between GPUs falls on them. Every GPU has one port each way
// into its island (NVLink or PCIe); every node has its NICs, shared evenly by its GPUs; the fabric
// between NICs is a graph of a topology's making, and a transport chooses the paths through it.
// GPUs are numbered node by node. Knows bytes and bounds, no clock: transport/ adds start-up times.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/platform/cluster.hpp"
#include "sim/platform/link.hpp"
#include "sim/platform/transport.hpp"

namespace moesim {

/// The flows of a transfer, for whoever moves each of them: inside nodes from GPU to GPU, between
/// nodes from endpoint to endpoint, in the sets for which a transport chooses paths together.
struct FlowList {
  struct Set {
    std::vector<Flow> flows;
    std::vector<double> stand_for;  ///< [flows] so many, with one path: its shares beside others
  };
  std::vector<Flow> inside;
  std::vector<Set> outside;

  bool empty() const { return inside.empty() && outside.empty(); }
  void add_inside(int from, int to, double bytes) {
    if (from != to && bytes > 0) inside.push_back({from, to, bytes});
  }
};

class Network {
 public:
  /// Throws InputError for a topology that does not fit the cluster, a degraded link that is not
  /// there, or nodes without a way to each other.
  explicit Network(const ClusterConfig& cluster,
                   const Choice<Transport>& transport = Choice<Transport>("spray"),
                   std::uint64_t seed = 1);

  int gpus() const { return nodes_ * per_node_; }
  int nodes() const { return nodes_; }
  int gpus_per_node() const { return per_node_; }
  int node_of(int gpu) const { return gpu / per_node_; }
  const NodeProfile& node() const { return profile_; }
  /// The fabric's links first, numbered as there, then the island's.
  const std::vector<Link>& links() const { return links_; }
  LinkLoads loads() const { return LinkLoads(links_.size()); }
  const Fabric& fabric() const { return *fabric_; }
  const PathSets& paths() const { return *paths_; }
  const Transport& transport() const { return *transport_; }
  /// The NIC of a GPU as an endpoint of the fabric.
  int endpoint_of(int gpu) const;

  void island_out(int gpu, double bytes, LinkLoads& loads) const { loads.add(island(gpu), bytes); }
  void island_in(int gpu, double bytes, LinkLoads& loads) const {
    loads.add(island(gpu) + 1, bytes);
  }

  /// One message from GPU to GPU: inside the island, or NIC, fabric, NIC. The flows that it is go
  /// into `list` as well, if there is one.
  void send(int from, int to, double bytes, LinkLoads& loads, FlowList* list = nullptr) const;
  /// Messages that start together, so that the transport sees them together.
  void send(std::span<const Flow> between_gpus, LinkLoads& loads, FlowList* list = nullptr) const;
  /// Product traffic between nodes: GPU a sends out[a] * share[b] to every GPU b of another node.
  void send_product(std::span<const double> out, std::span<const double> share, LinkLoads& loads,
                    FlowList* list = nullptr) const;
  /// Some node has NICs on different switches: which of them is used makes a difference.
  bool nodes_span_switches() const { return spans_; }

 private:
  int island(int gpu) const { return first_island_ + 2 * gpu; }

  int nodes_, per_node_, nics_;
  NodeProfile profile_;
  std::vector<Link> links_;
  int first_island_ = 0;
  bool spans_ = false;
  std::unique_ptr<Fabric> fabric_;
  std::unique_ptr<PathSets> paths_;
  std::unique_ptr<Transport> transport_;
  std::vector<int> node_of_endpoint_;
};

}  // namespace moesim
