// Dragonfly (Kim et al., ISCA 2008): routers of a group are all linked to each other, every router
// has global links, and groups are linked pairwise over them as evenly as they go round. Paths are
// the minimal ones (local, global, local).
#include <fmt/format.h>

#include "sim/platform/topology.hpp"

namespace moesim {
namespace {

class Dragonfly final : public Topology {
 public:
  struct Config {
    std::int64_t nodes_per_router = 4;
    std::int64_t routers_per_group = 8;
    std::int64_t global_links = 4;
    std::optional<BytesPerSecond> local_bandwidth, global_bandwidth;
    Seconds link_latency{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("nodes_per_router", &Config::nodes_per_router, "nodes on one router")
              .min(1)
              .optional("routers_per_group", &Config::routers_per_group,
                        "routers of a group, all linked to each other")
              .min(1)
              .optional("global_links", &Config::global_links, "links of a router to other groups")
              .min(1)
              .optional("local_bandwidth", &Config::local_bandwidth,
                        "of a link inside a group, per direction (default: that of a NIC)")
              .optional("global_bandwidth", &Config::global_bandwidth,
                        "of a link between groups, per direction (default: that of a NIC)")
              .optional("link_latency", &Config::link_latency,
                        "propagation over one cable, on top of the node's nic_latency")
              .min(0);
      return list;
    }
  };

  Dragonfly(const Config& config, const Context& context) : config_(config), context_(context) {}

  void build(Fabric& fabric) const override {
    const auto& c = config_;
    const auto a = c.routers_per_group;
    const auto group_nodes = c.nodes_per_router * a;
    const auto groups = (context_.nodes + group_nodes - 1) / group_nodes;
    if (groups > a * c.global_links + 1)
      throw InputError(fmt::format(
          "{} nodes make {} groups of {}, but {} global links of a group reach at most {} others",
          context_.nodes, groups, group_nodes, a * c.global_links, a * c.global_links));
    const int router = add_switches(fabric, "router", groups * a);
    for (int e = 0; e < fabric.endpoints(); ++e)
      for (std::int64_t p = 0; p < context_.ports; ++p)
        fabric.attach(e, router + static_cast<int>(e / context_.nics / c.nodes_per_router),
                      context_.port_bandwidth(), c.link_latency);
    const auto bandwidth = [&](const std::optional<BytesPerSecond>& given) {
      return given ? *given * context_.efficiency : context_.nic_bandwidth;
    };
    for (std::int64_t g = 0; g < groups; ++g)
      for (std::int64_t i = 0; i < a; ++i)
        for (std::int64_t j = i + 1; j < a; ++j)
          fabric.connect(router + static_cast<int>(g * a + i), router + static_cast<int>(g * a + j),
                         bandwidth(c.local_bandwidth), c.link_latency);
    if (groups < 2) return;
    // Channel n of group g goes to the (n mod (groups - 1) + 1)-th group after it; what is left of
    // the last round stays unused, so that both ends agree.
    const auto rounds = a * c.global_links / (groups - 1);
    for (std::int64_t g = 0; g < groups; ++g)
      for (std::int64_t h = g + 1; h < groups; ++h)
        for (std::int64_t r = 0; r < rounds; ++r) {
          const auto from = r * (groups - 1) + (h - g - 1);
          const auto to = r * (groups - 1) + (groups - (h - g) - 1);
          fabric.connect(router + static_cast<int>(g * a + from / c.global_links),
                         router + static_cast<int>(h * a + to / c.global_links),
                         bandwidth(c.global_bandwidth), c.link_latency);
        }
  }

 private:
  Config config_;
  Context context_;
};

const Register<Topology, Dragonfly> dragonfly_registered(
    "dragonfly", "groups of routers, linked all to all in two levels");

}  // namespace
}  // namespace moesim
