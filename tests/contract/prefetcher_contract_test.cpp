// The contract of slot "prefetcher", for every registered one.
#include <gtest/gtest.h>

#include <set>

#include "sim/cache/prefetcher.hpp"
#include "tests/cache/sample_accesses.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

constexpr CacheShape kPrefetched{4, 16, 2};

class PrefetcherContract : public ::testing::TestWithParam<std::string> {
 protected:
  /// What it wants at every layer of every step, layer -1 first.
  std::vector<std::vector<ExpertId>> all_wanted() {
    const auto prefetcher = contract::make<Prefetcher>(GetParam(), {kPrefetched, 3});
    const auto accesses = testing::sample_accesses(kPrefetched, 60, 2);
    const std::vector<char> held(static_cast<std::size_t>(kPrefetched.all()), 0);
    std::vector<std::vector<ExpertId>> result;
    for (std::int64_t step = 0; step < accesses.steps(); ++step) {
      if (step % 20 == 0) prefetcher->start_sequence();
      std::vector<std::vector<ExpertId>> truth;
      for (std::int64_t l = 0; l < kPrefetched.layers; ++l) {
        const auto needed = accesses.needed(step * kPrefetched.layers + l);
        truth.emplace_back(needed.begin(), needed.end());
      }
      for (std::int64_t layer = -1; layer < kPrefetched.layers; ++layer) {
        if (layer >= 0)
          for (const auto id : truth[static_cast<std::size_t>(layer)]) prefetcher->used(id);
        prefetcher->wanted({step, layer, truth, held}, result.emplace_back());
      }
    }
    return result;
  }
};

TEST_P(PrefetcherContract, AsksForExpertsOfLaterLayersOnly) {
  const auto all = all_wanted();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto layer = static_cast<std::int64_t>(i % 5) - 1;
    for (const auto id : all[i]) {
      ASSERT_GE(id, 0);
      ASSERT_LT(id, kPrefetched.all());
      ASSERT_GT(kPrefetched.layer_of(id), layer);
    }
  }
}

TEST_P(PrefetcherContract, AsksForEachAtMostOnceAtATime) {
  for (const auto& ids : all_wanted())
    EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), ids.size());
}

TEST_P(PrefetcherContract, AsksForTheSameAgain) { EXPECT_EQ(all_wanted(), all_wanted()); }

TEST(GateLookAhead, IsAsOftenRightAsItIsSaidToBe) {
  const Prefetcher::Context context{{2, 32, 4}, 1};
  const Guess guess(context, "test");
  const std::vector<std::vector<ExpertId>> truth{{0, 1, 2, 3}, {32, 40, 50, 63}};
  const std::vector<char> held(64, 0);
  int right = 0, all = 0;
  for (std::int64_t step = 0; step < 2000; ++step) {
    std::vector<ExpertId> ids;
    guess.append({step, 0, truth, held}, 1, 1, 0.8, 32, ids);
    for (const auto id : ids) right += std::ranges::count(truth[1], id) > 0 ? 1 : 0;
    all += 4;
  }
  EXPECT_NEAR(static_cast<double>(right) / all, 0.8, 0.015);
}

INSTANTIATE_TEST_SUITE_P(Every, PrefetcherContract,
                         ::testing::ValuesIn(contract::implementations<Prefetcher>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
