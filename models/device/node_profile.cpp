#include "models/device/node_profile.hpp"

namespace moesim {

const std::vector<std::string>& names_of(Island) {
  static const std::vector<std::string> names = {"nvlink", "pcie"};
  return names;
}

const Parameters<NodeProfile>& NodeProfile::parameters() {
  using N = NodeProfile;
  static const auto list =
      Parameters<N>()
          .required("device", &N::device, "GPU model of the node", "h100-sxm")
          .required("gpus", &N::gpus, "GPUs per node", "8")
          .min(1)
          .max(1024)
          .optional("island", &N::island, "how the GPUs of a node reach each other")
          .required("island_bandwidth", &N::island_bandwidth, "nominal, per GPU and direction",
                    "450 GB/s")
          .above(0)
          .required("island_latency", &N::island_latency,
                    "start-up of an all-to-all within the node", "7.4 us")
          .min(0)
          .optional("island_efficiency", &N::island_efficiency,
                    "reached / nominal in a large all-to-all")
          .above(0)
          .max(1)
          .required("all_reduce_latency", &N::all_reduce_latency,
                    "start-up of an all-reduce within the node", "3.2 us")
          .min(0)
          .optional(
              "all_reduce_efficiency", &N::all_reduce_efficiency,
              "all-reduce bus bandwidth / nominal; above 1 where the switch adds in the network")
          .above(0)
          .max(2)
          .optional("nics", &N::nics, "network adapters of the node; 0: a node on its own")
          .min(0)
          .optional("nic_bandwidth", &N::nic_bandwidth, "nominal, per adapter and direction")
          .min(0)
          .optional("nic_latency", &N::nic_latency, "start-up of a collective between nodes")
          .min(0)
          .optional("nic_efficiency", &N::nic_efficiency, "reached / nominal between nodes")
          .above(0)
          .max(1)
          .required("host_bandwidth", &N::host_bandwidth,
                    "GPU to host memory, per GPU and direction", "63 GB/s")
          .above(0)
          .optional("host_memory", &N::host_memory, "memory of the host")
          .min(0);
  return list;
}

NodeProfile override_node(const NodeProfile& base, const Node& overrides) {
  if (overrides.is_null()) return base;
  check_keys(overrides, NodeProfile::parameters().names());
  Node merged = NodeProfile::parameters().write(base);
  merged.where = overrides.where;
  for (std::size_t i = 0; i < overrides.keys.size(); ++i)
    merged.set(overrides.keys[i], overrides.items[i], overrides.key_where[i]);
  auto profile = NodeProfile::parameters().read(merged);
  profile.name = base.name;
  return profile;
}

}  // namespace moesim
