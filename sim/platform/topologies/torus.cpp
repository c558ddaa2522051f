// A torus of any number of dimensions: every node has a router, linked to its two neighbours in
// every dimension (one where a dimension has two). Paths are all minimal ones, not only those in
// the order of the dimensions.
#include <fmt/format.h>

#include "sim/platform/topology.hpp"

namespace moesim {
namespace {

class Torus final : public Topology {
 public:
  struct Config {
    std::vector<std::int64_t> dimensions;
    std::optional<BytesPerSecond> link_bandwidth;
    Seconds link_latency{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("dimensions", &Config::dimensions,
                        "nodes along each dimension, e.g. [4, 4, 4] (default: a ring of all)")
              .optional("link_bandwidth", &Config::link_bandwidth,
                        "of a link between neighbours, per direction (default: that of a node's "
                        "NICs)")
              .optional("link_latency", &Config::link_latency,
                        "propagation over one cable, on top of the node's nic_latency")
              .min(0);
      return list;
    }
  };

  Torus(const Config& config, const Context& context) : config_(config), context_(context) {}

  void build(Fabric& fabric) const override {
    auto dimensions = config_.dimensions;
    if (dimensions.empty()) dimensions = {context_.nodes};
    std::int64_t nodes = 1;
    for (const auto d : dimensions) {
      if (d < 1) throw InputError(fmt::format("a torus of {} nodes along a dimension", d));
      nodes *= d;
    }
    if (nodes != context_.nodes)
      throw InputError(fmt::format("the torus has {} places for {} nodes", nodes, context_.nodes));
    const int router = add_switches(fabric, "router", nodes);
    for (int e = 0; e < fabric.endpoints(); ++e)
      for (std::int64_t p = 0; p < context_.ports; ++p)
        fabric.attach(e, router + static_cast<int>(e / context_.nics), context_.port_bandwidth(),
                      config_.link_latency);
    const auto bandwidth = config_.link_bandwidth ? *config_.link_bandwidth * context_.efficiency
                                                  : context_.node_bandwidth();
    std::int64_t stride = 1;
    for (const auto d : dimensions) {
      for (std::int64_t n = 0; n < nodes && d > 1; ++n) {
        const auto place = n / stride % d;
        if (d == 2 && place == 1) continue;  // one cable joins two nodes
        const auto next = n + ((place + 1) % d - place) * stride;
        fabric.connect(router + static_cast<int>(n), router + static_cast<int>(next), bandwidth,
                       config_.link_latency);
      }
      stride *= d;
    }
  }

 private:
  Config config_;
  Context context_;
};

const Register<Topology, Torus> torus_registered("torus", "routers in a grid with the ends joined");

}  // namespace
}  // namespace moesim
