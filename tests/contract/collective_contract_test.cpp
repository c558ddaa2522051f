// The contract of slot "collective", for every registered implementation: steps of flows between
// different ranks of the group, and enough bytes for what the name says.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/transport/collective.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

class CollectiveContract : public ::testing::TestWithParam<std::string> {
 protected:
  std::vector<CollectiveStep> steps(std::int64_t ranks, std::int64_t per_node) const {
    const auto& info = slot_catalogue()["collective"].implementations.at(GetParam());
    Node given = info.example();
    if (GetParam() == "matrix") {
      const auto file = std::filesystem::temp_directory_path() / "moesim_collective_contract.csv";
      std::ofstream(file) << "src,dst,bytes\n0,1,10\n1,0,20\n";
      given.set("file", Node::scalar(file.string(), true));
    }
    return Registry<Collective>::factories()
        .at(GetParam())(info.resolve(given),
                        {ranks, per_node, 1, [](int, int) { return BytesPerSecond(1e9); }})
        ->steps();
  }
};

TEST_P(CollectiveContract, ItsFlowsJoinDifferentRanksOfTheGroup) {
  for (const std::int64_t ranks : {2, 4, 16, 64}) {
    const auto all = steps(ranks, ranks > 2 ? 2 : 1);
    ASSERT_FALSE(all.empty());
    for (const auto& step : all) {
      EXPECT_FALSE(step.flows.empty());
      EXPECT_GE(step.repeat, 1);
      EXPECT_GE(step.start_ups, 1);
      for (const auto& flow : step.flows) {
        EXPECT_NE(flow.source, flow.target);
        EXPECT_GE(std::min(flow.source, flow.target), 0);
        EXPECT_LT(std::max(flow.source, flow.target), ranks);
        EXPECT_GE(flow.bytes, 1);
      }
    }
  }
}

TEST_P(CollectiveContract, IsTheSameEveryTime) {
  const auto a = steps(16, 4), b = steps(16, 4);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t s = 0; s < a.size(); ++s) {
    ASSERT_EQ(a[s].flows.size(), b[s].flows.size());
    for (std::size_t f = 0; f < a[s].flows.size(); ++f) {
      EXPECT_EQ(a[s].flows[f].target, b[s].flows[f].target);
      EXPECT_EQ(a[s].flows[f].bytes, b[s].flows[f].bytes);
    }
  }
}

TEST_P(CollectiveContract, MovesSomethingFromTheFirstRank) {
  double bytes = 0;
  for (const auto& step : steps(8, 2))
    for (const auto& flow : step.flows)
      if (flow.source == 0) bytes += flow.bytes * static_cast<double>(step.repeat);
  EXPECT_GT(bytes, 0);
}

INSTANTIATE_TEST_SUITE_P(Every, CollectiveContract,
                         ::testing::ValuesIn(contract::implementations<Collective>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
