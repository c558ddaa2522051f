// The contract of slot "expert cache", for every registered policy.
#include <gtest/gtest.h>

#include "sim/cache/expert_cache.hpp"
#include "tests/cache/sample_accesses.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

constexpr CacheShape kCached{3, 12, 3};  // layers, experts, top-k

class ExpertCacheContract : public ::testing::TestWithParam<std::string> {
 protected:
  ExpertCache cache(const std::string& name, SlotSharing sharing, std::int64_t slots,
                    Arrival arrival = Arrival::together) {
    const bool staged = arrival == Arrival::staged;
    return {kCached, sharing, slots,
            contract::make<CachePolicy>(name, {kCached, slots, staged, 5, popularity_, &future_})};
  }
  CacheCounts counts(const std::string& name, SlotSharing sharing, std::int64_t slots,
                     Arrival arrival) {
    auto built = cache(name, sharing, slots, arrival);
    return replay(accesses_, built, {arrival, false});
  }
  Accesses accesses_ = testing::sample_accesses(kCached, 400, 3);
  FutureUses future_{accesses_};
  std::vector<double> popularity_ = popularity(accesses_);
};

TEST_P(ExpertCacheContract, PicksOneOfTheCandidatesAndTheSameOneAgain) {
  const CachePolicy::Context context{kCached, 5, false, 5, popularity_, &future_};
  const auto a = contract::make<CachePolicy>(GetParam(), context);
  const auto b = contract::make<CachePolicy>(GetParam(), context);
  for (std::int64_t visit = 0; visit < accesses_.visits(); ++visit) {
    for (const auto id : accesses_.needed(visit)) {
      a->used(id, visit, true);
      b->used(id, visit, true);
    }
    std::vector<ExpertId> candidates;
    for (auto id = static_cast<ExpertId>(visit % 5); id < kCached.all(); id += 5)
      candidates.push_back(id);
    const auto picked = a->victim(candidates, visit);
    ASSERT_LT(picked, candidates.size());
    ASSERT_EQ(picked, b->victim(candidates, visit));
  }
}

constexpr Arrival kArrivals[] = {Arrival::staged, Arrival::together, Arrival::in_turn};

TEST_P(ExpertCacheContract, NeverHitsMoreOftenThanBelady) {
  for (const auto arrival : kArrivals)
    for (const auto sharing : {SlotSharing::layer, SlotSharing::pool})
      for (const std::int64_t slots : {3, 4, 6, 9, 12}) {
        const auto all = slots * (sharing == SlotSharing::pool ? 3 : 1);
        const auto best = counts("belady", sharing, all, arrival);
        const auto own = counts(GetParam(), sharing, all, arrival);
        EXPECT_EQ(own.accesses, best.accesses);
        EXPECT_LE(own.hits, best.hits) << slots << " slots, " << name_of(arrival);
        EXPECT_GT(own.hits, 0);
      }
}

// Several tokens to a step: a layer may need more than there are slots.
TEST_P(ExpertCacheContract, NeverHitsMoreOftenThanBeladyInBatches) {
  for (const std::int64_t batch : {2, 5, 16})
    for (const auto arrival : kArrivals)
      for (const auto sharing : {SlotSharing::layer, SlotSharing::pool})
        for (const std::int64_t slots : {3, 6, 9}) {
          const auto steps = batched(accesses_, batch);
          const FutureUses future(steps);
          const auto all = slots * (sharing == SlotSharing::pool ? 3 : 1);
          const auto hits = [&](const std::string& name) {
            const bool staged = arrival == Arrival::staged;
            ExpertCache built(
                kCached, sharing, all,
                contract::make<CachePolicy>(name, {kCached, all, staged, 5, popularity_, &future}));
            return replay(steps, built, {arrival, false}).hits;
          };
          EXPECT_LE(hits(GetParam()), hits("belady"))
              << batch << " tokens, " << slots << " slots, " << name_of(arrival);
        }
}

TEST_P(ExpertCacheContract, MissesEveryExpertOnceWhenAllFit) {
  const auto used = std::ranges::count_if(popularity_, [](double n) { return n > 0; });
  for (const auto arrival : kArrivals) {
    const auto hits = accesses_.accesses() - used;
    EXPECT_EQ(counts(GetParam(), SlotSharing::layer, 12, arrival).hits, hits);
    EXPECT_EQ(counts(GetParam(), SlotSharing::pool, 36, arrival).hits, hits);
  }
}

TEST_P(ExpertCacheContract, KeepsWhatTheLayerNeedsWhileTheRestComes) {
  auto built = cache(GetParam(), SlotSharing::layer, 3);
  for (std::int64_t visit = 0; visit < accesses_.visits(); ++visit) {
    const auto needed = accesses_.needed(visit);
    for (const auto id : needed) {
      built.protect(id);
      built.used(id, visit);
    }
    for (const auto id : needed)
      if (!built.holds(id)) built.insert(id, visit);
    for (const auto id : needed) {
      ASSERT_TRUE(built.holds(id));
      built.release(id);
    }
    ASSERT_EQ(built.contents(visit % kCached.layers).size(), 3u);
  }
}

INSTANTIATE_TEST_SUITE_P(Every, ExpertCacheContract,
                         ::testing::ValuesIn(contract::implementations<CachePolicy>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
