// The contract of slot "balancer", for every registered implementation.
#include <gtest/gtest.h>

#include <numeric>

#include "sim/core/random.hpp"
#include "sim/placement/balancer.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

constexpr Balancer::Context kBalanced{2, 64, 8, 4,
                                      8, 8,  1};  // layers, experts, ranks, per node ...

std::vector<std::int32_t> counts_at(std::uint64_t step, double scale) {
  const RandomStream random(3, step);
  std::vector<std::int32_t> counts;
  for (std::uint64_t e = 0; e < 64; ++e)
    counts.push_back(static_cast<std::int32_t>(scale * random.exponential(e)));
  counts[5] = static_cast<std::int32_t>(scale * 20);
  return counts;
}

LayerPlacement start() {
  return Choice<Placement>("contiguous")
      .make({64, 8, 8, 4, 8, 1})
      ->place(std::vector<double>(64, 1.0));
}

class BalancerContract : public ::testing::TestWithParam<std::string> {};

TEST_P(BalancerContract, LosesNoTokenOfABatch) {
  const auto balancer = contract::make<Balancer>(GetParam(), kBalanced);
  const auto placement = start();
  BatchAssignment batch;
  for (std::uint64_t step = 0; step < 30; ++step) {
    const auto counts = counts_at(step, step % 3 == 0 ? 3000 : 40);
    balancer->observe(0, counts);
    batch = {};
    if (!balancer->assign(0, counts, placement, step, batch)) continue;
    ASSERT_EQ(batch.first_slot.size(), 9u);
    EXPECT_EQ(batch.first_slot.front(), 0);
    EXPECT_EQ(batch.first_slot.back(), std::ssize(batch.tokens_of_slot));
    EXPECT_EQ(std::accumulate(batch.tokens_of_slot.begin(), batch.tokens_of_slot.end(), 0),
              std::accumulate(counts.begin(), counts.end(), 0));
    for (const auto n : batch.tokens_of_slot) EXPECT_GE(n, 0);
    for (const auto& copy : batch.copies) {
      EXPECT_NE(copy.from, copy.to);
      EXPECT_LT(copy.to, 8);
    }
    EXPECT_GE(batch.travelling, 0);
    EXPECT_LE(batch.travelling, 1);
  }
}

TEST_P(BalancerContract, KeepsEveryExpertASlotWhenItPlacesAnew) {
  const auto balancer = contract::make<Balancer>(GetParam(), kBalanced);
  auto placement = start();
  for (std::uint64_t step = 0; step < 50; ++step) balancer->observe(1, counts_at(step, 100));
  placement = balancer->place(1, placement);
  ASSERT_EQ(placement.expert_of_slot.size(), 72u);
  std::vector<int> copies(64, 0);
  for (const auto e : placement.expert_of_slot) ++copies[static_cast<std::size_t>(e)];
  for (const auto n : copies) EXPECT_GE(n, 1);
  for (std::size_t r = 0; r < 8; ++r)
    EXPECT_LE(placement.first_slot[r + 1] - placement.first_slot[r], 9);
}

TEST_P(BalancerContract, NeverMakesTheBusiestRankBusierThanItsOwnSplitByMuch) {
  const auto balancer = contract::make<Balancer>(GetParam(), kBalanced);
  const auto placement = start();
  const auto counts = counts_at(7, 5000);
  for (std::uint64_t step = 0; step < 40; ++step) balancer->observe(0, counts);
  BatchAssignment batch;
  if (!balancer->assign(0, counts, placement, 1, batch)) return;
  std::vector<std::int32_t> slots(placement.expert_of_slot.size());
  split_over_slots(placement, counts, slots);
  const auto busiest = [](const auto& first, const auto& tokens) {
    std::int64_t most = 0;
    for (std::size_t r = 0; r + 1 < first.size(); ++r)
      most = std::max(most, std::accumulate(tokens.begin() + first[r],
                                            tokens.begin() + first[r + 1], std::int64_t{0}));
    return most;
  };
  EXPECT_LE(busiest(batch.first_slot, batch.tokens_of_slot),
            busiest(placement.first_slot, slots) * 11 / 10);
}

TEST(MoeGps, CopiesOnlyWhatARankDoesNotHoldYet) {
  const auto balancer = contract::make<Balancer>("moe-gps", kBalanced);
  const auto placement = start();
  const auto counts = counts_at(3, 3000);
  BatchAssignment first, again, other;
  balancer->observe(0, counts);  // the distribution is known from now on
  balancer->observe(1, counts);
  ASSERT_TRUE(balancer->assign(0, counts, placement, 1, first));
  EXPECT_FALSE(first.copies.empty());
  balancer->observe(0, counts);
  ASSERT_TRUE(balancer->assign(0, counts, placement, 2, again));
  EXPECT_TRUE(again.copies.empty());
  EXPECT_EQ(again.tokens_of_slot, first.tokens_of_slot);
  ASSERT_TRUE(balancer->assign(1, counts, placement, 2, other));  // every layer has its own
  EXPECT_EQ(other.copies.size(), first.copies.size());
}

TEST(Llep, ItsHostTimeIsThatOfBatchesItRedistributes) {
  const auto balancer =
      Value<Choice<Balancer>>::read(parse_yaml("{type: llep, host_time: 2 ms}", "t.yaml"))
          .make(kBalanced);
  BatchAssignment even, skewed;
  EXPECT_FALSE(balancer->assign(0, std::vector<std::int32_t>(64, 2048), start(), 1, even));
  EXPECT_EQ(even.host.value, 0);
  EXPECT_TRUE(balancer->assign(0, counts_at(3, 3000), start(), 1, skewed));
  EXPECT_EQ(skewed.host.value, 2e-3);
}

INSTANTIATE_TEST_SUITE_P(Every, BalancerContract,
                         ::testing::ValuesIn(contract::implementations<Balancer>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
