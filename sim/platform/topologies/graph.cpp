// Any fabric, written down: where every NIC hangs and which cables join the switches.
#include <fmt/format.h>

#include <algorithm>

#include "sim/platform/topology.hpp"

namespace moesim {
namespace {

struct Cable {
  std::string from, to;
  std::optional<BytesPerSecond> bandwidth;
  Seconds latency{0};
  std::int64_t count = 1;
  static const Parameters<Cable>& parameters() {
    static const auto list =
        Parameters<Cable>()
            .required("from", &Cable::from, "a switch", "left")
            .required("to", &Cable::to, "another switch", "right")
            .optional("bandwidth", &Cable::bandwidth, "per direction (default: that of a NIC)")
            .optional("latency", &Cable::latency, "propagation")
            .min(0)
            .optional("count", &Cable::count, "parallel cables of this kind; each is a path")
            .min(1)
            .max(1024);
    return list;
  }
};

class Graph final : public Topology {
 public:
  struct Config {
    std::vector<std::string> nics;
    std::vector<Cable> cables;
    Seconds link_latency{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("nics", &Config::nics,
                        "switch of every NIC, node by node, port by port; a shorter list is "
                        "repeated from its start (default: all on one switch)")
              .optional("cables", &Config::cables, "links between switches, both ways")
              .optional("link_latency", &Config::link_latency,
                        "propagation between a NIC and its switch, on top of the node's "
                        "nic_latency")
              .min(0);
      return list;
    }
  };

  Graph(const Config& config, const Context& context) : config_(config), context_(context) {}

  void build(Fabric& fabric) const override {
    std::vector<std::string> names;
    const auto number = [&](const std::string& name) {
      const auto found = std::ranges::find(names, name);
      if (found != names.end()) return static_cast<int>(found - names.begin());
      names.push_back(name);
      return fabric.add_switch(name);
    };
    auto nics = config_.nics;
    if (nics.empty()) nics = {"switch"};
    for (const auto& name : nics) number(name);
    for (const auto& cable : config_.cables) {
      number(cable.from);
      number(cable.to);
    }
    std::size_t next = 0;
    for (int e = 0; e < fabric.endpoints(); ++e)
      for (std::int64_t p = 0; p < context_.ports; ++p)
        fabric.attach(e, number(nics[next++ % nics.size()]), context_.port_bandwidth(),
                      config_.link_latency);
    for (const auto& cable : config_.cables)
      for (std::int64_t i = 0; i < cable.count; ++i)
        fabric.connect(
            number(cable.from), number(cable.to),
            cable.bandwidth ? *cable.bandwidth * context_.efficiency : context_.nic_bandwidth,
            cable.latency);
  }

 private:
  Config config_;
  Context context_;
};

const Register<Topology, Graph> graph_registered("graph",
                                                 "any fabric: NICs on switches, and cables");

}  // namespace
}  // namespace moesim
