// The contract of slot "placement", for every registered implementation.
#include <gtest/gtest.h>

#include <numeric>

#include "sim/core/random.hpp"
#include "sim/placement/placement.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

std::vector<double> popularity(std::int64_t experts) {
  const RandomStream random(1, 2);
  std::vector<double> shares;
  for (std::int64_t e = 0; e < experts; ++e)
    shares.push_back(random.exponential(static_cast<std::uint64_t>(e)));
  return shares;
}

class PlacementContract : public ::testing::TestWithParam<std::string> {
 protected:
  static const std::vector<Placement::Context>& shapes() {
    static const std::vector<Placement::Context> all = {{8, 0, 1},      {8, 0, 8},     {60, 0, 8},
                                                        {256, 32, 144}, {256, 32, 32}, {16, 5, 4},
                                                        {128, 0, 128},  {4, 12, 16}};
    return all;
  }
};

TEST_P(PlacementContract, GivesEveryExpertASlotAndUsesAllSlots) {
  for (const auto& shape : shapes()) {
    const auto placed =
        contract::make<Placement>(GetParam(), shape)->place(popularity(shape.experts));
    std::vector<std::int32_t> copies(static_cast<std::size_t>(shape.experts), 0);
    for (const auto expert : placed.expert_of_slot) ++copies.at(static_cast<std::size_t>(expert));
    EXPECT_EQ(static_cast<std::int64_t>(placed.expert_of_slot.size()),
              shape.experts + shape.redundant);
    EXPECT_EQ(copies, placed.replicas);
    EXPECT_GE(std::ranges::min(copies), 1);
  }
}

TEST_P(PlacementContract, SpreadsTheSlotsEvenlyOverTheRanks) {
  for (const auto& shape : shapes()) {
    const auto placed =
        contract::make<Placement>(GetParam(), shape)->place(popularity(shape.experts));
    const auto slots = shape.experts + shape.redundant;
    ASSERT_EQ(static_cast<std::int64_t>(placed.first_slot.size()), shape.ranks + 1);
    EXPECT_EQ(placed.first_slot.front(), 0);
    EXPECT_EQ(placed.first_slot.back(), slots);
    for (std::size_t r = 0; r + 1 < placed.first_slot.size(); ++r) {
      const auto held = placed.first_slot[r + 1] - placed.first_slot[r];
      EXPECT_GE(held, slots / shape.ranks);
      EXPECT_LE(held, (slots + shape.ranks - 1) / shape.ranks);
    }
  }
}

TEST_P(PlacementContract, IsAFunctionOfThePopularity) {
  for (const auto& shape : shapes()) {
    const auto a = contract::make<Placement>(GetParam(), shape)->place(popularity(shape.experts));
    const auto b = contract::make<Placement>(GetParam(), shape)->place(popularity(shape.experts));
    EXPECT_EQ(a.expert_of_slot, b.expert_of_slot);
    EXPECT_EQ(a.first_slot, b.first_slot);
  }
}

TEST_P(PlacementContract, LosesNoTokenWhenTheyAreSplitOverTheSlots) {
  for (const auto& shape : shapes()) {
    const auto placed =
        contract::make<Placement>(GetParam(), shape)->place(popularity(shape.experts));
    std::vector<std::int32_t> tokens, per_slot(placed.expert_of_slot.size());
    for (std::int64_t e = 0; e < shape.experts; ++e)
      tokens.push_back(static_cast<std::int32_t>(7 * e % 23));
    split_over_slots(placed, tokens, per_slot);
    std::vector<std::int32_t> back(tokens.size(), 0);
    for (std::size_t s = 0; s < per_slot.size(); ++s)
      back[static_cast<std::size_t>(placed.expert_of_slot[s])] += per_slot[s];
    EXPECT_EQ(back, tokens);
  }
}

TEST(Replicate, GivesReplicasToTheHottestExperts) {
  const std::vector<double> shares = {0.1, 0.6, 0.3};
  EXPECT_EQ(replicate(shares, 1), (std::vector<std::int32_t>{1, 2, 1}));
  EXPECT_EQ(replicate(shares, 3), (std::vector<std::int32_t>{1, 3, 2}));
}

INSTANTIATE_TEST_SUITE_P(Every, PlacementContract,
                         ::testing::ValuesIn(contract::implementations<Placement>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
