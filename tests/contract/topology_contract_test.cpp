// The contract of slot "topology", for every registered implementation: bytes conserved, nothing
// for free.
#include <gtest/gtest.h>

#include <cmath>

#include "sim/platform/topology.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

constexpr int kNodes = 11;  // fills no leaf evenly

class TopologyContract : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    fabric_ = contract::make<Topology>(GetParam(), {kNodes, BytesPerSecond(400e9), 0.9});
    links_.push_back(
        {"a link of the nodes", BytesPerSecond(1)});  // the fabric's own come after what exists
    fabric_->build(links_);
  }
  LinkLoads sent(int from, int to, double bytes) const {
    LinkLoads loads(links_.size());
    fabric_->send(from, to, bytes, loads);
    return loads;
  }
  std::unique_ptr<Topology> fabric_;
  std::vector<Link> links_;
};

TEST_P(TopologyContract, ItsLinksHaveNamesAndCapacities) {
  ASSERT_GT(links_.size(), 1u);
  for (const auto& link : links_) {
    EXPECT_FALSE(link.name.empty());
    EXPECT_GT(link.capacity.value, 0);
  }
}

TEST_P(TopologyContract, KeepsTrafficInsideANodeOffTheFabric) {
  for (int node = 0; node < kNodes; ++node) EXPECT_TRUE(sent(node, node, 1e6).touched().empty());
}

TEST_P(TopologyContract, TouchesItsOwnLinksOnly) {
  for (int to = 1; to < kNodes; ++to) {
    const auto loads = sent(0, to, 1e6);
    for (const int link : loads.touched()) EXPECT_GE(link, 1);
  }
}

TEST_P(TopologyContract, CarriesEveryByteAWholeNumberOfHops) {
  bool used = false;
  for (int from = 0; from < kNodes; ++from)
    for (int to = 0; to < kNodes; ++to) {
      const auto loads = sent(from, to, 1e6);
      double total = 0;
      for (const int link : loads.touched()) total += loads.bytes(link);
      const double hops = total / 1e6;
      EXPECT_NEAR(hops, std::round(hops), 1e-9) << from << " to " << to;
      used = used || hops > 0;
    }
  EXPECT_TRUE(used);
}

TEST_P(TopologyContract, LoadsGrowWithTheBytes) {
  const auto less = sent(0, kNodes - 1, 1e6), more = sent(0, kNodes - 1, 3e6);
  for (const int link : less.touched()) EXPECT_NEAR(more.bytes(link), 3 * less.bytes(link), 1);
}

TEST_P(TopologyContract, SpreadsProductTrafficAsItsMessagesWould) {
  std::vector<double> out, share;
  for (int node = 0; node < kNodes; ++node) {
    out.push_back(1e6 * (node % 4));
    share.push_back((node + 1) / 66.0);
  }
  LinkLoads product(links_.size()), messages(links_.size());
  fabric_->spread(out, share, product);
  for (int a = 0; a < kNodes; ++a)
    for (int b = 0; b < kNodes; ++b)
      if (a != b)
        fabric_->send(a, b, out[static_cast<std::size_t>(a)] * share[static_cast<std::size_t>(b)],
                      messages);
  for (std::size_t link = 0; link < links_.size(); ++link)
    EXPECT_NEAR(product.bytes(static_cast<int>(link)), messages.bytes(static_cast<int>(link)), 1e-3)
        << links_[link].name;
}

INSTANTIATE_TEST_SUITE_P(Every, TopologyContract,
                         testing::ValuesIn(contract::implementations<Topology>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
