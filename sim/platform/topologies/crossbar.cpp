// One switch that never blocks: an NVSwitch domain (NVL72: 72 GPUs as 72 nodes of one GPU whose
// "NIC" is its NVLink port), or a single Ethernet or InfiniBand switch.
#include "sim/platform/topology.hpp"

namespace moesim {
namespace {

class Crossbar final : public Topology {
 public:
  struct Config {
    Seconds link_latency{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("link_latency", &Config::link_latency,
                        "propagation over one cable, on top of the node's nic_latency")
              .min(0);
      return list;
    }
  };

  Crossbar(const Config& config, const Context& context) : config_(config), context_(context) {}

  void build(Fabric& fabric) const override {
    const int at = fabric.add_switch("switch");
    for (int e = 0; e < fabric.endpoints(); ++e)
      for (std::int64_t p = 0; p < context_.ports; ++p)
        fabric.attach(e, at, context_.port_bandwidth(), config_.link_latency);
  }

 private:
  Config config_;
  Context context_;
};

const Register<Topology, Crossbar> crossbar_registered(
    "crossbar", "one switch that never blocks (NVLink domain, single switch)");

}  // namespace
}  // namespace moesim
