// The collectives of tensor and pipeline parallelism on a group of GPUs: all-reduce, all-gather,
// reduce-scatter, send/recv. Inside a node by the island's measured start-up and efficiency; over
// several nodes hierarchically (reduce-scatter inside, all-reduce of the shards between, all-gather
// inside), pipelined, so that the busiest link bounds the time. Not modelled here: the choice
// between algorithms by size.
#pragma once

#include <vector>

#include "sim/transport/transfer.hpp"

namespace moesim {

/// GPUs that take part in a collective, and how they lie on nodes.
class Group {
 public:
  Group(const Network& network, std::vector<int> gpus);

  int size() const { return static_cast<int>(gpus_.size()); }
  const std::vector<int>& gpus() const { return gpus_; }
  int nodes() const { return static_cast<int>(per_node_.size()); }
  /// Members on the node of member i.
  int peers(int i) const { return peers_[static_cast<std::size_t>(i)]; }
  /// (node, members), by node.
  const std::vector<std::pair<int, int>>& per_node() const { return per_node_; }

 private:
  std::vector<int> gpus_;
  std::vector<int> peers_;
  std::vector<std::pair<int, int>> per_node_;
};

/// Each adds to `into`; a group of one does nothing. `bytes` is the full buffer (all-reduce) or the
/// gathered result (all-gather, reduce-scatter).
void all_reduce(const Network& network, const Group& group, double bytes, Transfer& into);
void all_gather(const Network& network, const Group& group, double bytes, Transfer& into);
void reduce_scatter(const Network& network, const Group& group, double bytes, Transfer& into);
/// Adds one byte for every flow of each of the three: a ring inside every node, one of the nodes.
void gather_flows(const Network& network, const Group& group, Transfer& into);
void send_recv(const Network& network, int from, int to, double bytes, Transfer& into);
/// Messages that start together, so that the transport sees them together.
void send_together(const Network& network, std::span<const Flow> between_gpus, Transfer& into);

/// Start-up time of a collective of this group: the island's, plus one fabric traversal per
/// doubling of nodes.
Seconds group_latency(const Network& network, const Group& group, Seconds island);

}  // namespace moesim
