// The contract of slot "topology", for every registered implementation: every NIC is attached,
// every pair connected, bytes conserved, nothing for free.
#include <gtest/gtest.h>

#include <cmath>

#include "sim/platform/path_sets.hpp"
#include "sim/platform/topology.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

constexpr int kNodes = 11;  // fills no leaf evenly

class TopologyContract : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { build(2, 1); }
  void build(int nics, int ports) {
    fabric_ = std::make_unique<Fabric>();
    const Topology::Context context{kNodes, nics, ports, BytesPerSecond(50e9), 0.9};
    add_nics(context, *fabric_);
    contract::make<Topology>(GetParam(), context)->build(*fabric_);
    paths_ = std::make_unique<PathSets>(*fabric_);
  }
  LinkLoads sent(int from, int to, double bytes) const {
    LinkLoads loads(fabric_->links().size());
    const Flow flow{from, to, bytes};
    paths_->spread(std::span(&flow, 1), PathWeight::even, loads);
    return loads;
  }
  std::unique_ptr<Fabric> fabric_;
  std::unique_ptr<PathSets> paths_;
};

TEST_P(TopologyContract, ItsLinksHaveNamesAndCapacities) {
  ASSERT_GT(fabric_->links().size(), 1u);
  for (const auto& link : fabric_->links()) {
    EXPECT_FALSE(link.name.empty());
    EXPECT_GT(link.capacity.value, 0);
  }
}

TEST_P(TopologyContract, AttachesEveryPortOfEveryNic) {
  for (const int ports : {1, 2}) {
    build(2, ports);
    ASSERT_EQ(fabric_->endpoints(), 2 * kNodes);
    for (int e = 0; e < fabric_->endpoints(); ++e) {
      ASSERT_EQ(static_cast<int>(fabric_->ports(e).size()), ports);
      double bandwidth = 0;
      for (const auto& port : fabric_->ports(e))
        bandwidth += fabric_->links()[static_cast<std::size_t>(port.out)].capacity.value;
      EXPECT_NEAR(bandwidth, 50e9, 1);
    }
  }
}

TEST_P(TopologyContract, ConnectsEveryPair) {
  for (const int ports : {1, 2}) {
    build(2, ports);
    for (int a = 0; a < fabric_->endpoints(); ++a)
      for (int b = 0; b < fabric_->endpoints(); ++b) {
        ASSERT_GE(paths_->count(a, b), 1) << a << " to " << b;
        EXPECT_EQ(paths_->hops(a, b), paths_->hops(b, a));
      }
  }
}

TEST_P(TopologyContract, EveryPathStartsAtTheSourceAndEndsAtTheTarget) {
  for (int b = 1; b < fabric_->endpoints(); b += 3)
    for (std::int64_t p = 0; p < paths_->count(0, b); ++p) {
      std::vector<int> links;
      paths_->append_path(0, b, p, links);
      ASSERT_EQ(static_cast<int>(links.size()), paths_->hops(0, b));
      EXPECT_EQ(fabric_->ends(links.front()).from, ~0);
      EXPECT_EQ(fabric_->ends(links.back()).to, ~b);
      for (std::size_t i = 1; i < links.size(); ++i)
        EXPECT_EQ(fabric_->ends(links[i - 1]).to, fabric_->ends(links[i]).from);
    }
}

TEST_P(TopologyContract, CarriesEveryByteOverEveryHop) {
  for (int a = 0; a < fabric_->endpoints(); ++a)
    for (int b = 0; b < fabric_->endpoints(); ++b) {
      if (a == b) continue;
      const auto loads = sent(a, b, 1e6);
      double total = 0;
      for (const int link : loads.touched()) total += loads.bytes(link);
      EXPECT_NEAR(total, 1e6 * paths_->hops(a, b), 1e-3) << a << " to " << b;
    }
}

TEST_P(TopologyContract, SpreadsProductTrafficAsItsMessagesWould) {
  for (const int ports : {1, 2}) {
    build(2, ports);
    const int endpoints = fabric_->endpoints();
    std::vector<double> out, share;
    std::vector<int> node;
    for (int e = 0; e < endpoints; ++e) {
      out.push_back(1e6 * (e % 4));
      share.push_back((e + 1) / 300.0);
      node.push_back(e / 2);
    }
    LinkLoads product(fabric_->links().size()), messages(fabric_->links().size());
    paths_->spread_product(out, share, node, PathWeight::even, product);
    std::vector<Flow> flows;
    for (int a = 0; a < endpoints; ++a)
      for (int b = 0; b < endpoints; ++b)
        if (a / 2 != b / 2)
          flows.push_back(
              {a, b, out[static_cast<std::size_t>(a)] * share[static_cast<std::size_t>(b)]});
    paths_->spread(flows, PathWeight::even, messages);
    for (std::size_t link = 0; link < fabric_->links().size(); ++link)
      EXPECT_NEAR(product.bytes(static_cast<int>(link)), messages.bytes(static_cast<int>(link)),
                  1e-3)
          << fabric_->links()[link].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Every, TopologyContract,
                         ::testing::ValuesIn(contract::implementations<Topology>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
