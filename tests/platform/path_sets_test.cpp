// Paths of known fabrics, and what is refused.
#include "sim/platform/path_sets.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/transport/step_time.hpp"
#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

Network network(const std::string& cluster) {
  return Network(ClusterConfig::parameters().read(parse_yaml(cluster, "test")));
}

std::string hosts(int count, const std::string& fabric, const std::string& rest = "") {
  return "{nodes: " + std::to_string(count) +
         ", node: {profile: hgx-h100, gpus: 1, nics: 1, nic_bandwidth: 50 GB/s, nic_efficiency: 1, "
         "nic_latency: 0 s}, fabric: {" +
         fabric + "}" + rest + "}";
}

TEST(PathSets, CountsTheSpinesOfALeafSpineFabric) {
  const auto n = network(hosts(16, "type: leaf-spine, nodes_per_leaf: 4, spines: 6"));
  EXPECT_EQ(n.paths().count(0, 3), 1);
  EXPECT_EQ(n.paths().hops(0, 3), 2);
  EXPECT_EQ(n.paths().count(0, 4), 6);
  EXPECT_EQ(n.paths().hops(0, 4), 4);
}

// k = 8: 4 paths inside a pod, 16 between pods (Al-Fares et al., SIGCOMM 2008).
TEST(PathSets, CountsTheCoresOfAFatTree) {
  const auto n = network(hosts(128, "type: fat-tree"));
  EXPECT_EQ(n.fabric().switches(), 80);
  EXPECT_EQ(n.paths().count(0, 1), 1);
  EXPECT_EQ(n.paths().count(0, 5), 4);
  EXPECT_EQ(n.paths().count(0, 127), 16);
  EXPECT_EQ(n.paths().hops(0, 127), 6);
}

TEST(PathSets, CountsMinimalPathsOfATorus) {
  // Two and three steps in two dimensions: 5! / (2! 3!) orders.
  const auto n = network(hosts(64, "type: torus, dimensions: [8, 8]"));
  EXPECT_EQ(n.paths().count(0, 2 + 8 * 3), 10);
  EXPECT_EQ(n.paths().hops(0, 2 + 8 * 3), 5 + 2);
}

TEST(PathSets, TakesBothPortsOfABondedNic) {
  const auto n =
      network(hosts(8, "type: leaf-spine, nodes_per_leaf: 4, spines: 2", ", nic_ports: 2"));
  EXPECT_EQ(n.paths().count(0, 1), 2) << "one per port, over the leaf that both share";
  EXPECT_EQ(n.paths().count(0, 4), 2 * 2 * 2) << "port, spine, port";
}

TEST(PathSets, LeavesFailedLinksOut) {
  const auto n = network(hosts(8, "type: leaf-spine, nodes_per_leaf: 4, spines: 4",
                               ", links: [{from: leaf 0, to: spine 1}]"));
  EXPECT_EQ(n.paths().count(0, 4), 3);
  EXPECT_EQ(n.paths().count(4, 0), 3);
}

// Closed form of an unloaded flow, as packet-level runs give it to the last digit: 64 KiB between
// leaves in 5.58592 us at 400 Gbit/s, 0.5 us per link, 4096 + 64 B packets.
TEST(Wire, ReproducesTheUnloadedFlowOfPacketLevelRuns) {
  const Wire wire{Bytes(4096), Bytes(64), true};
  const auto two =
      network(hosts(16, "type: leaf-spine, nodes_per_leaf: 4, spines: 4, link_latency: 0.5 us"));
  const auto three =
      network(hosts(16,
                    "type: fat-tree, nodes_per_leaf: 2, leaves_per_pod: 2, aggregations: 2, "
                    "cores_per_aggregation: 2, link_latency: 0.5 us"));
  EXPECT_NEAR(fabric_latency(two, wire, 0, 4).value, 4.255e-6, 1e-9);
  EXPECT_NEAR(fabric_latency(three, wire, 0, 15).value, 6.42e-6, 1e-8);
  EXPECT_NEAR(fabric_latency(two, wire, 0, 4).value + wire.bytes(65536) / 50e9, 5.58592e-6, 1e-11);
}

// Exact expectations of the busiest of s uplinks under h hashed flows (balls in bins).
TEST(Ecmp, CollidesAsOftenAsBallsInBins) {
  struct Case {
    int flows, spines;
    double expected;
  };
  for (const auto& c :
       {Case{4, 4, 2.125}, Case{8, 8, 2.597}, Case{8, 4, 3.538}, Case{16, 16, 3.078}}) {
    const auto n =
        network(hosts(2 * c.flows, "type: leaf-spine, nodes_per_leaf: " + std::to_string(c.flows) +
                                       ", spines: " + std::to_string(c.spines)));
    std::vector<Flow> flows;
    for (int f = 0; f < c.flows; ++f) flows.push_back({f, c.flows + f, 1});
    double sum = 0;
    constexpr int kSeeds = 4000;
    for (int seed = 0; seed < kSeeds; ++seed) {
      LinkLoads loads = n.loads();
      Choice<Transport>("ecmp")
          .make({n.paths(), static_cast<std::uint64_t>(seed)})
          ->load(flows, loads);
      double most = 0;
      for (const int l : loads.touched()) most = std::max(most, loads.bytes(l));
      sum += most;
    }
    // The deviation of the maximum is below 1: five standard errors.
    EXPECT_NEAR(sum / kSeeds, c.expected, 5 / std::sqrt(kSeeds)) << c.flows << " on " << c.spines;
  }
}

TEST(Planned, GivesAPermutationDistinctSpines) {
  const auto n = network(hosts(64, "type: leaf-spine, nodes_per_leaf: 8, spines: 8"));
  for (const int shift : {8, 12, 19, 37}) {
    std::vector<Flow> flows;
    for (int h = 0; h < 64; ++h) flows.push_back({h, (h + shift) % 64, 1});
    LinkLoads loads = n.loads();
    Choice<Transport>("planned").make({n.paths(), 1})->load(flows, loads);
    for (const int l : loads.touched())
      EXPECT_LE(loads.bytes(l), 1) << n.links()[std::size_t(l)].name;
  }
}

std::string refused(const std::string& cluster) {
  return testing::error_text([&] { network(cluster); });
}

TEST(Fabric, SaysWhatIsWrongWithIt) {
  EXPECT_NE(refused(hosts(2, "type: graph, nics: [left, right]")).find("no path from node 1"),
            std::string::npos);
  EXPECT_NE(
      refused(hosts(2, "type: graph, nics: [left], cables: [{from: left, to: left}]")).find("loop"),
      std::string::npos);
  EXPECT_NE(refused(hosts(2,
                          "type: graph, nics: [left, right], cables: [{from: left, to: right, "
                          "bandwidth: 0 GB/s}]"))
                .find("no bandwidth"),
            std::string::npos);
  EXPECT_NE(refused(hosts(2, "type: graph, nics: [left, right], cables: [{from: left, to: right}]",
                          ", links: [{from: left, to: right}]"))
                .find("failed"),
            std::string::npos);
  EXPECT_NE(refused(hosts(8, "type: leaf-spine", ", links: [{from: leaf 0, to: spin 1}]"))
                .find("did you mean 'spine"),
            std::string::npos);
  EXPECT_NE(refused(hosts(8, "type: torus, dimensions: [3, 3]")).find("9 places for 8 nodes"),
            std::string::npos);
}

TEST(Oversubscription, IsReadOffTheGraph) {
  EXPECT_NEAR(
      network(hosts(16, "type: leaf-spine, oversubscription: 2")).fabric().oversubscription(), 2,
      1e-9);
  EXPECT_NEAR(network(hosts(16, "type: leaf-spine")).fabric().oversubscription(), 1, 1e-9);
}

}  // namespace
}  // namespace moesim
