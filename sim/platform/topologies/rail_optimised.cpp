// Rails: NIC i of every node of a group hangs on the group's leaf i, so that GPUs of equal number
// reach each other over one switch; spines join all leaves (NVIDIA DGX SuperPOD reference
// architecture).
#include "sim/platform/topology.hpp"

namespace moesim {
namespace {

class RailOptimised final : public Topology {
 public:
  struct Config {
    std::int64_t nodes_per_group = 32;
    std::int64_t spines = 8;
    double oversubscription = 1;
    Seconds link_latency{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("nodes_per_group", &Config::nodes_per_group,
                        "nodes of a scalable unit; it has one leaf per NIC of a node")
              .min(1)
              .optional("spines", &Config::spines,
                        "spine switches; one uplink from every leaf to each")
              .min(1)
              .optional("oversubscription", &Config::oversubscription,
                        "bandwidth of a leaf's NICs / bandwidth of its uplinks")
              .above(0)
              .optional("link_latency", &Config::link_latency,
                        "propagation over one cable, on top of the node's nic_latency")
              .min(0);
      return list;
    }
  };

  RailOptimised(const Config& config, const Context& context)
      : config_(config), context_(context) {}

  void build(Fabric& fabric) const override {
    const auto groups = (context_.nodes + config_.nodes_per_group - 1) / config_.nodes_per_group;
    const auto rails = context_.nics * context_.ports;
    const int leaf = add_switches(fabric, "leaf", groups * rails);
    for (int e = 0; e < fabric.endpoints(); ++e) {
      const auto group = e / context_.nics / config_.nodes_per_group;
      const auto nic = e % context_.nics;
      for (std::int64_t p = 0; p < context_.ports; ++p)
        fabric.attach(e, leaf + static_cast<int>(group * rails + nic * context_.ports + p),
                      context_.port_bandwidth(), config_.link_latency);
    }
    if (groups * rails < 2) return;
    const int spine = add_switches(fabric, "spine", config_.spines);
    const auto uplink = context_.port_bandwidth() * static_cast<double>(config_.nodes_per_group) /
                        config_.oversubscription / static_cast<double>(config_.spines);
    for (int l = 0; l < static_cast<int>(groups * rails); ++l)
      for (int s = 0; s < static_cast<int>(config_.spines); ++s)
        fabric.connect(leaf + l, spine + s, uplink, config_.link_latency);
  }

 private:
  Config config_;
  Context context_;
};

const Register<Topology, RailOptimised> rail_optimised_registered(
    "rail-optimised", "NIC i of every node on leaf i of its group, spines above");

}  // namespace
}  // namespace moesim
