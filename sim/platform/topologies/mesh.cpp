// Sites of a wide-area network, each with a direct link to every other one at the bandwidth that
// was measured between the two; the matrix need not be symmetric (PCCL measures it with a flood
// test per pair, arXiv 2505.14065). Node n is site n.
#include <fmt/format.h>

#include "sim/platform/topology.hpp"

namespace moesim {
namespace {

struct Site {
  std::string name;
  std::vector<BytesPerSecond> to;
  static const Parameters<Site>& parameters() {
    static const auto list =
        Parameters<Site>()
            .required("name", &Site::name, "of the site", "paris")
            .required("to", &Site::to,
                      "bandwidth to every site in the order of the list; what stands at its own "
                      "place does not count",
                      "[1 Gbit/s]");
    return list;
  }
};

class Mesh final : public Topology {
 public:
  struct Config {
    std::vector<Site> sites;
    Seconds link_latency{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("sites", &Config::sites,
                        "one per node, with its row of the bandwidth matrix (default: every pair "
                        "at the bandwidth of a NIC)")
              .optional("link_latency", &Config::link_latency,
                        "propagation between two sites, on top of the node's nic_latency")
              .min(0);
      return list;
    }
  };

  Mesh(const Config& config, const Context& context) : config_(config), context_(context) {}

  void build(Fabric& fabric) const override {
    const auto nodes = static_cast<std::size_t>(context_.nodes);
    const auto& sites = config_.sites;
    if (!sites.empty() && sites.size() != nodes)
      throw InputError(fmt::format("the mesh has {} sites for {} nodes", sites.size(), nodes));
    for (std::size_t n = 0; n < nodes; ++n) {
      if (!sites.empty() && sites[n].to.size() != nodes)
        throw InputError(fmt::format("site '{}' has {} bandwidths for {} sites", sites[n].name,
                                     sites[n].to.size(), nodes));
      fabric.add_switch(sites.empty() ? fmt::format("site {}", n) : sites[n].name);
    }
    for (int e = 0; e < fabric.endpoints(); ++e)
      for (std::int64_t p = 0; p < context_.ports; ++p)
        fabric.attach(e, static_cast<int>(e / context_.nics), context_.port_bandwidth(),
                      Seconds(0));
    for (std::size_t a = 0; a < nodes; ++a)
      for (std::size_t b = 0; b < nodes; ++b)
        if (a != b)
          fabric.connect_one_way(
              static_cast<int>(a), static_cast<int>(b),
              sites.empty() ? context_.nic_bandwidth : sites[a].to[b] * context_.efficiency,
              config_.link_latency);
  }

 private:
  Config config_;
  Context context_;
};

const Register<Topology, Mesh> mesh_registered(
    "mesh", "a link between any two nodes, by a bandwidth matrix (wide-area network)");

}  // namespace
}  // namespace moesim
