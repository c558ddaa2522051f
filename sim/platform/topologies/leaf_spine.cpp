// Two tiers: nodes hang on leaves, every leaf has one uplink to every spine. Path number = spine
// number. With bonded NICs, port p of every node of a group hangs on the group's leaf p (C4's
// dual-homed nodes, arXiv 2406.04594), and all leaves share the spines.
#include "sim/platform/topology.hpp"

namespace moesim {
namespace {

class LeafSpine final : public Topology {
 public:
  struct Config {
    std::int64_t nodes_per_leaf = 4;
    std::int64_t spines = 8;
    double oversubscription = 1;
    Seconds link_latency{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("nodes_per_leaf", &Config::nodes_per_leaf, "nodes on one leaf switch")
              .min(1)
              .optional("spines", &Config::spines,
                        "spine switches; one uplink from every leaf to each")
              .min(1)
              .optional("oversubscription", &Config::oversubscription,
                        "bandwidth of a leaf's nodes / bandwidth of its uplinks")
              .above(0)
              .optional("link_latency", &Config::link_latency,
                        "propagation over one cable, on top of the node's nic_latency")
              .min(0);
      return list;
    }
  };

  LeafSpine(const Config& config, const Context& context) : config_(config), context_(context) {}

  void build(Fabric& fabric) const override {
    const auto groups = (context_.nodes + config_.nodes_per_leaf - 1) / config_.nodes_per_leaf;
    const auto ports = context_.ports;
    const int leaf = add_switches(fabric, "leaf", groups * ports);
    for (int e = 0; e < fabric.endpoints(); ++e) {
      const auto group = e / context_.nics / config_.nodes_per_leaf;
      for (std::int64_t p = 0; p < ports; ++p)
        fabric.attach(e, leaf + static_cast<int>(group * ports + p), context_.port_bandwidth(),
                      config_.link_latency);
    }
    if (groups * ports < 2) return;
    const int spine = add_switches(fabric, "spine", config_.spines);
    const BytesPerSecond down = context_.port_bandwidth() * static_cast<double>(context_.nics) *
                                static_cast<double>(config_.nodes_per_leaf);
    const auto uplink = down / config_.oversubscription / static_cast<double>(config_.spines);
    for (int l = 0; l < static_cast<int>(groups * ports); ++l)
      for (int s = 0; s < static_cast<int>(config_.spines); ++s)
        fabric.connect(leaf + l, spine + s, uplink, config_.link_latency);
  }

 private:
  Config config_;
  Context context_;
};

const Register<Topology, LeafSpine> leaf_spine_registered(
    "leaf-spine", "two tiers, every leaf linked to every spine");

}  // namespace
}  // namespace moesim
