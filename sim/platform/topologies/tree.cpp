// A tree of switches with one path between any two nodes: PCIe switches under root ports under the
// link between sockets. `levels` go from the nodes upwards: how many children a switch has, and the
// bandwidth of its link to its parent.
#include <fmt/format.h>

#include "sim/platform/topology.hpp"

namespace moesim {
namespace {

struct Level {
  std::int64_t children = 4;
  std::optional<BytesPerSecond> uplink;
  static const Parameters<Level>& parameters() {
    static const auto list =
        Parameters<Level>()
            .optional("children", &Level::children, "nodes, or switches below, per switch")
            .min(1)
            .optional("uplink", &Level::uplink,
                      "bandwidth of the switch's link upwards, per direction (default: that of a "
                      "NIC)");
    return list;
  }
};

class Tree final : public Topology {
 public:
  struct Config {
    std::vector<Level> levels{{4, {}}};
    Seconds link_latency{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("levels", &Config::levels,
                        "levels of switches, from the nodes upwards; one switch joins the highest")
              .optional("link_latency", &Config::link_latency,
                        "propagation over one cable, on top of the node's nic_latency")
              .min(0);
      return list;
    }
    void check(const Node& at) const {
      if (levels.empty()) throw InputError(at.where, "a tree needs at least one level of switches");
    }
  };

  Tree(const Config& config, const Context& context) : config_(config), context_(context) {}

  void build(Fabric& fabric) const override {
    std::int64_t below = context_.nodes;
    int first_below = 0;
    for (std::size_t depth = 0; depth < config_.levels.size(); ++depth) {
      const auto& level = config_.levels[depth];
      const auto switches = (below + level.children - 1) / level.children;
      const auto name = fmt::format("level {} switch", depth);
      const int first = add_switches(fabric, name.c_str(), switches);
      if (depth == 0)
        for (int e = 0; e < fabric.endpoints(); ++e)
          for (std::int64_t p = 0; p < context_.ports; ++p)
            fabric.attach(e, first + static_cast<int>(e / context_.nics / level.children),
                          context_.port_bandwidth(), config_.link_latency);
      else
        join(fabric, first_below, below, first, level.children, config_.levels[depth - 1]);
      below = switches, first_below = first;
    }
    if (below < 2) return;
    const int root = fabric.add_switch("root");
    join(fabric, first_below, below, root, below, config_.levels.back());
  }

 private:
  void join(Fabric& fabric, int first, std::int64_t count, int parents, std::int64_t children,
            const Level& level) const {
    const auto bandwidth =
        level.uplink ? *level.uplink * context_.efficiency : context_.nic_bandwidth;
    for (std::int64_t i = 0; i < count; ++i)
      fabric.connect(first + static_cast<int>(i), parents + static_cast<int>(i / children),
                     bandwidth, config_.link_latency);
  }

  Config config_;
  Context context_;
};

const Register<Topology, Tree> tree_registered(
    "tree", "switches in a tree, one path between any two nodes (PCIe)");

}  // namespace
}  // namespace moesim
