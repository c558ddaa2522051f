// One machine as a building block of a cluster: how many GPUs, how they reach each other (the
// island), the network adapters and the host. Start-up times and efficiencies come from measured
// collectives; each number of the shipped files (models/device/nodes/*.yaml) says from which. A
// scenario may override every field. Not modelled: NUMA, the PCIe tree inside the node, host
// compute.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/parameters.hpp"

namespace moesim {

enum class Island { kNvlink, kPcie };
const std::vector<std::string>& names_of(Island);

struct NodeProfile {
  std::string name;    ///< from the catalogue; not a parameter
  std::string device;  ///< a name of the device catalogue
  std::int64_t gpus = 8;
  Island island = Island::kNvlink;
  BytesPerSecond island_bandwidth;   ///< nominal, per GPU and direction
  Seconds island_latency;            ///< of a small all-to-all in the island
  double island_efficiency = 1;      ///< reached / nominal, large all-to-all
  Seconds all_reduce_latency;        ///< of a small all-reduce in the island
  double all_reduce_efficiency = 1;  ///< bus bandwidth / nominal; above 1 where the switch adds
  std::int64_t nics = 0;             ///< of the node
  BytesPerSecond nic_bandwidth;      ///< nominal, per NIC and direction
  Seconds nic_latency;               ///< of a small collective between nodes
  double nic_efficiency = 1;         ///< reached / nominal
  BytesPerSecond host_bandwidth;     ///< GPU to host memory, per GPU and direction, nominal
  Bytes host_memory;                 ///< of the node

  static const Parameters<NodeProfile>& parameters();
};

/// `base` with the fields that `overrides` (a mapping from a scenario) names; the rest stays.
/// Throws InputError for an unknown or impossible field, at its place in the scenario.
NodeProfile override_node(const NodeProfile& base, const Node& overrides);

}  // namespace moesim
