// The contract of slot "transport", for every registered implementation: every byte travels on a
// shortest path, load() says what route() does, and failed links carry nothing.
#include <gtest/gtest.h>

#include <cmath>

#include "sim/core/random.hpp"
#include "sim/platform/topology.hpp"
#include "sim/platform/transport.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

class TransportContract : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { build("leaf-spine", 1); }
  void build(const std::string& topology, int ports) {
    const Topology::Context context{24, 1, ports, BytesPerSecond(50e9), 1};
    fabric_ = std::make_unique<Fabric>();
    add_nics(context, *fabric_);
    contract::make<Topology>(topology, context)->build(*fabric_);
    find_paths(1);
  }
  void find_paths(std::uint64_t seed) {
    paths_ = std::make_unique<PathSets>(*fabric_);
    transport_ = contract::make<Transport>(GetParam(), {*paths_, seed});
  }
  static std::vector<Flow> traffic() {
    std::vector<Flow> flows;
    const RandomStream random(7, stream_id("flows"));
    for (std::uint64_t i = 0; i < 80; ++i) {
      const auto a = static_cast<int>(random.below(2 * i, 24));
      const auto b = static_cast<int>(random.below(2 * i + 1, 24));
      if (a != b) flows.push_back({a, b, 1e5 * static_cast<double>(1 + i % 7)});
    }
    return flows;
  }
  Routes routed(const std::vector<Flow>& flows) const {
    Routes routes;
    transport_->route(flows, routes);
    return routes;
  }
  std::unique_ptr<Fabric> fabric_;
  std::unique_ptr<PathSets> paths_;
  std::unique_ptr<Transport> transport_;
};

TEST_P(TransportContract, SendsEveryByteOfEveryFlowOverShortestPaths) {
  for (const auto* topology : {"leaf-spine", "fat-tree", "torus", "dragonfly"})
    for (const int ports : {1, 2}) {
      build(topology, ports);
      const auto flows = traffic();
      const auto routes = routed(flows);
      std::vector<double> sent(flows.size(), 0);
      for (const auto& piece : routes.pieces) {
        const auto& flow = flows[static_cast<std::size_t>(piece.flow)];
        const auto path = routes.path(piece);
        sent[static_cast<std::size_t>(piece.flow)] += piece.bytes;
        EXPECT_EQ(static_cast<int>(path.size()), paths_->hops(flow.source, flow.target));
        EXPECT_EQ(fabric_->ends(path.front()).from, ~flow.source);
        EXPECT_EQ(fabric_->ends(path.back()).to, ~flow.target);
      }
      for (std::size_t f = 0; f < flows.size(); ++f) EXPECT_NEAR(sent[f], flows[f].bytes, 1e-6);
    }
}

TEST_P(TransportContract, LoadsLinksAsItsPathsDo) {
  for (const auto* topology : {"leaf-spine", "fat-tree", "dragonfly"}) {
    build(topology, 1);
    const auto flows = traffic();
    LinkLoads listed(fabric_->links().size()), loaded(fabric_->links().size());
    routed(flows).load(listed);
    transport_->load(flows, loaded);
    for (int l = 0; l < static_cast<int>(fabric_->links().size()); ++l)
      EXPECT_NEAR(loaded.bytes(l), listed.bytes(l), 1e-3) << topology << " link " << l;
  }
}

TEST_P(TransportContract, SendsEveryByteBesideOtherTrafficToo) {
  for (const auto* topology : {"leaf-spine", "torus"}) {
    build(topology, 1);
    const auto flows = traffic();
    LinkLoads busy(fabric_->links().size() + 7);  // a network has more links than its fabric
    for (int l = 0; l < static_cast<int>(fabric_->links().size()); l += 3) busy.add(l, 1e6);
    Routes routes;
    transport_->route_beside(flows, busy, routes);
    std::vector<double> sent(flows.size(), 0);
    for (const auto& piece : routes.pieces) {
      const auto& flow = flows[static_cast<std::size_t>(piece.flow)];
      sent[static_cast<std::size_t>(piece.flow)] += piece.bytes;
      EXPECT_EQ(static_cast<int>(routes.path(piece).size()),
                paths_->hops(flow.source, flow.target));
    }
    for (std::size_t f = 0; f < flows.size(); ++f) EXPECT_NEAR(sent[f], flows[f].bytes, 1e-6);
  }
}

TEST_P(TransportContract, KeepsOffFailedLinks) {
  for (const int link : fabric_->between("leaf 0", "spine 0")) fabric_->slow_down(link, 0);
  find_paths(1);
  const auto flows = traffic();
  LinkLoads loads(fabric_->links().size());
  transport_->load(flows, loads);
  for (const int link : fabric_->between("leaf 0", "spine 0")) EXPECT_EQ(loads.bytes(link), 0);
  EXPECT_EQ(routed(flows).pieces.empty(), false);
}

TEST_P(TransportContract, SaysWhichPairHasNoPath) {
  for (int s = 0; s < 8; ++s)
    for (const int link : fabric_->between("leaf 0", "spine " + std::to_string(s)))
      fabric_->slow_down(link, 0);
  find_paths(1);
  const std::vector<Flow> flows = {{0, 23, 1e6}};
  Routes routes;
  EXPECT_THROW(transport_->route(flows, routes), InputError);
  LinkLoads loads(fabric_->links().size());
  EXPECT_THROW(transport_->load(flows, loads), InputError);
}

TEST_P(TransportContract, TakesTheSamePathsForTheSameSeed) {
  const auto flows = traffic();
  const auto first = routed(flows);
  find_paths(1);
  EXPECT_EQ(routed(flows).links, first.links);
}

TEST_P(TransportContract, ReachesAllOfTheFluidRateUnlessToldOtherwise) {
  EXPECT_EQ(transport_->goodput(1), 1);
  EXPECT_EQ(transport_->goodput(4), 1);
}

INSTANTIATE_TEST_SUITE_P(Every, TransportContract,
                         ::testing::ValuesIn(contract::implementations<Transport>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
