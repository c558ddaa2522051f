// Three tiers: leaves and aggregation switches make pods, cores join the pods. Aggregation switch i
// of every pod has a cable to each of the cores of its plane i. The k-ary fat tree of Al-Fares et
// al. (SIGCOMM 2008) has nodes_per_leaf = leaves_per_pod = aggregations = cores_per_aggregation =
// k / 2.
#include "sim/platform/topology.hpp"

namespace moesim {
namespace {

class FatTree final : public Topology {
 public:
  struct Config {
    std::int64_t nodes_per_leaf = 4;
    std::int64_t leaves_per_pod = 4;
    std::int64_t aggregations = 4;
    std::int64_t cores_per_aggregation = 4;
    double oversubscription = 1;
    double core_oversubscription = 1;
    Seconds link_latency{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("nodes_per_leaf", &Config::nodes_per_leaf, "nodes on one leaf switch")
              .min(1)
              .optional("leaves_per_pod", &Config::leaves_per_pod, "leaf switches of a pod")
              .min(1)
              .optional("aggregations", &Config::aggregations,
                        "aggregation switches of a pod, each linked to all its leaves")
              .min(1)
              .optional("cores_per_aggregation", &Config::cores_per_aggregation,
                        "core switches that one aggregation switch reaches")
              .min(1)
              .optional("oversubscription", &Config::oversubscription,
                        "bandwidth of a leaf's nodes / bandwidth of its uplinks")
              .above(0)
              .optional("core_oversubscription", &Config::core_oversubscription,
                        "bandwidth of an aggregation switch's leaves / bandwidth of its uplinks")
              .above(0)
              .optional("link_latency", &Config::link_latency,
                        "propagation over one cable, on top of the node's nic_latency")
              .min(0);
      return list;
    }
  };

  FatTree(const Config& config, const Context& context) : config_(config), context_(context) {}

  void build(Fabric& fabric) const override {
    const auto& c = config_;
    const auto ports = context_.ports;
    const auto pod_nodes = c.nodes_per_leaf * c.leaves_per_pod;
    const auto pods = (context_.nodes + pod_nodes - 1) / pod_nodes;
    const auto pod_leaves = c.leaves_per_pod * ports;
    const int leaf = add_switches(fabric, "leaf", pods * pod_leaves);
    const int aggregation = add_switches(fabric, "aggregation", pods * c.aggregations);
    const int core =
        pods > 1 ? add_switches(fabric, "core", c.aggregations * c.cores_per_aggregation) : 0;
    for (int e = 0; e < fabric.endpoints(); ++e) {
      const auto group = e / context_.nics / c.nodes_per_leaf;
      for (std::int64_t p = 0; p < ports; ++p)
        fabric.attach(e, leaf + static_cast<int>(group * ports + p), context_.port_bandwidth(),
                      c.link_latency);
    }
    const BytesPerSecond down =
        context_.port_bandwidth() * static_cast<double>(context_.nics * c.nodes_per_leaf);
    const auto uplink = down / c.oversubscription / static_cast<double>(c.aggregations);
    const auto core_link = uplink * static_cast<double>(pod_leaves) / c.core_oversubscription /
                           static_cast<double>(c.cores_per_aggregation);
    for (std::int64_t pod = 0; pod < pods; ++pod)
      for (std::int64_t a = 0; a < c.aggregations; ++a) {
        const int here = aggregation + static_cast<int>(pod * c.aggregations + a);
        for (std::int64_t l = 0; l < pod_leaves; ++l)
          fabric.connect(leaf + static_cast<int>(pod * pod_leaves + l), here, uplink,
                         c.link_latency);
        for (std::int64_t i = 0; i < c.cores_per_aggregation && pods > 1; ++i)
          fabric.connect(here, core + static_cast<int>(a * c.cores_per_aggregation + i), core_link,
                         c.link_latency);
      }
  }

 private:
  Config config_;
  Context context_;
};

const Register<Topology, FatTree> fat_tree_registered(
    "fat-tree",
    "three tiers: pods of leaves and aggregation switches, "
    "joined by cores");

}  // namespace
}  // namespace moesim
