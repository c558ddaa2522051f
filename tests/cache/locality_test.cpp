// Locality measures on cases small enough to count by hand, and on recorded routing.
#include "sim/cache/locality.hpp"

#include <gtest/gtest.h>

#include "sim/cache/hit_curve.hpp"
#include "sim/cache/trace_accesses.hpp"
#include "tests/cache/sample_accesses.hpp"

namespace moesim {
namespace {

TEST(Locality, ASegmentThatNeverChangesIsRoutedPerfectly) {
  Accesses accesses({1, 8, 2});
  accesses.start_sequence();
  for (int step = 0; step < 8; ++step) accesses.add(std::vector<ExpertId>{3, 5});
  EXPECT_DOUBLE_EQ(segment_routing_best_performance(accesses, 4), 1);
  EXPECT_DOUBLE_EQ(step_reuse(accesses), 1);
}

TEST(Locality, TheBestFixedSetTradesPrecisionAgainstRecall) {
  // One segment of 4: expert 0 four times, experts 1 and 2 twice each. {0}: 2*4/(4+8) = .667;
  // {0,1,2}: 2*8/(12+8) = .8.
  Accesses accesses({1, 4, 2});
  accesses.start_sequence();
  for (const ExpertId other : {1, 1, 2, 2}) accesses.add(std::vector<ExpertId>{0, other});
  EXPECT_DOUBLE_EQ(segment_routing_best_performance(accesses, 4), 0.8);
  EXPECT_DOUBLE_EQ(step_reuse(accesses), 5.0 / 6);
}

TEST(Locality, AnIncompleteSegmentIsLeftOut) {
  Accesses accesses({1, 4, 1});
  accesses.start_sequence();
  for (const ExpertId id : {0, 0, 1, 2, 3}) accesses.add(std::vector<ExpertId>{id});
  // Segments {0,0} and {1,2}: all used are chosen, 2*4/(2*3 + 4).
  EXPECT_DOUBLE_EQ(segment_routing_best_performance(accesses, 2), 0.8);
}

TEST(HitCurve, GrowsWithTheSizeOfAnLruCache) {
  const auto accesses = testing::sample_accesses({3, 16, 2}, 300, 9);
  CurveOptions options;
  for (std::int64_t slots = 2; slots <= 16; ++slots) options.slots.push_back(slots);
  const auto curves = hit_curves(accesses, {Choice<CachePolicy>("lru")}, options);
  ASSERT_EQ(curves.size(), 1u);
  EXPECT_TRUE(std::ranges::is_sorted(curves[0].hit_rate));
  EXPECT_LT(curves[0].hit_rate.front(), curves[0].hit_rate.back());
}

TEST(TraceAccesses, FollowsEverySequenceToItsEnd) {
  const auto trace = parse_recorded_trace("seq,l1,l2\n7,0 1,2 3\n9,4 5,0 1\n7,1 2,3 4\n", "t.csv");
  const auto accesses = accesses_of(trace);
  EXPECT_EQ(accesses.steps(), 3);
  ASSERT_EQ(accesses.sequences().size(), 2u);
  EXPECT_EQ(accesses.sequences()[1], 2);
  // Sequence 7 first: its second token before sequence 9's.
  EXPECT_EQ(std::vector(accesses.needed(2).begin(), accesses.needed(2).end()),
            (std::vector<ExpertId>{1, 2}));
  EXPECT_EQ(accesses.needed(3)[0], trace.experts + 3);
}

}  // namespace
}  // namespace moesim
