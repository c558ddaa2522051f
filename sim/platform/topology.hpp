// Slot: the fabric between nodes.
// Life cycle: built once with the shape of the cluster; build() appends its links; then traffic
// between nodes is spread over them. Contract: what leaves a node arrives; traffic inside a node
// never reaches the fabric.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/registry.hpp"
#include "sim/platform/link.hpp"

namespace moesim {

class Topology {
 public:
  static constexpr SlotInfo slot{"topology", "the fabric between the nodes"};
  struct Context {
    std::int64_t nodes = 1;
    BytesPerSecond node_bandwidth;  ///< all NICs of a node together, per direction, nominal
    double efficiency = 1;          ///< of its links: reached / nominal
  };

  virtual ~Topology() = default;
  virtual void build(std::vector<Link>& links) = 0;
  /// `bytes` from node to node.
  virtual void send(int from, int to, double bytes, LinkLoads& loads) const = 0;
  /// Product traffic: node a sends out[a] * share[b] to every other node b; `share` sums to at
  /// most 1.
  virtual void spread(std::span<const double> out, std::span<const double> share,
                      LinkLoads& loads) const = 0;
};

}  // namespace moesim
