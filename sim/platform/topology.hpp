// Slot: the fabric between nodes.
// Life cycle: built once with the shape of the cluster; build() adds switches, cables and the ports
// of all NICs to an empty fabric, which finds the paths from then on (path_sets.hpp). Contract:
// endpoint n * nics + i is NIC i of node n; every NIC has its ports attached; capacities are what
// a link reaches. Throws InputError for a shape that does not fit the cluster.
#pragma once

#include <cstdint>

#include "sim/core/registry.hpp"
#include "sim/platform/fabric.hpp"

namespace moesim {

class Topology {
 public:
  static constexpr SlotInfo slot{"topology", "the fabric between the nodes"};
  struct Context {
    std::int64_t nodes = 1;
    std::int64_t nics = 1;         ///< of a node
    std::int64_t ports = 1;        ///< of a NIC, bonded: each carries its share
    BytesPerSecond nic_bandwidth;  ///< of a NIC and direction, all its ports, as reached
    double efficiency = 1;         ///< reached / nominal, of links given in nominal bandwidth
    std::int64_t endpoints() const { return nodes * nics; }
    BytesPerSecond node_bandwidth() const { return nic_bandwidth * static_cast<double>(nics); }
    BytesPerSecond port_bandwidth() const { return nic_bandwidth / static_cast<double>(ports); }
  };

  virtual ~Topology() = default;
  virtual void build(Fabric& fabric) const = 0;
};

/// Adds the endpoints of a cluster, named "node N nic I"; the topology then attaches their ports.
void add_nics(const Topology::Context& context, Fabric& fabric);

/// Switches per port of a bonded NIC lie beside each other: "leaf 4" or, with two ports, "leaf 4"
/// and "leaf 5" for the same nodes. Adds `count` of them and returns the first.
int add_switches(Fabric& fabric, const char* kind, std::int64_t count);

}  // namespace moesim
