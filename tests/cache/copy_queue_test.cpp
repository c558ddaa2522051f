// Copy engine: order, no interruption, chunks, conservation.
#include "sim/cache/copy_queue.hpp"

#include <gtest/gtest.h>

namespace moesim {
namespace {

constexpr BytesPerSecond kLink{1e9};
CopyQueue::Ticket issue(CopyQueue& queue, double now, double gb, bool demand = true) {
  return queue.issue(Seconds(now), Bytes(gb * 1e9), kLink, Seconds(0), demand);
}

TEST(CopyQueue, CopiesOneAfterTheOther) {
  CopyQueue queue(CopyOrder::fifo);
  const auto a = issue(queue, 0, 1), b = issue(queue, 0.5, 2), c = issue(queue, 10, 1);
  EXPECT_DOUBLE_EQ(queue.finish(a).value, 1);
  EXPECT_DOUBLE_EQ(queue.finish(b).value, 3);
  EXPECT_DOUBLE_EQ(queue.finish(c).value, 11);
}

TEST(CopyQueue, PaysTheStartUpOfEveryCopy) {
  CopyQueue queue(CopyOrder::fifo);
  queue.issue(Seconds(0), Bytes(1e9), kLink, Seconds(0.25), true);
  const auto b = queue.issue(Seconds(0), Bytes(1e9), kLink, Seconds(0.25), true);
  EXPECT_DOUBLE_EQ(queue.finish(b).value, 2.5);
}

TEST(CopyQueue, ADemandOvertakesPrefetchesThatHaveNotBegun) {
  CopyQueue queue(CopyOrder::priority);
  const auto begun = issue(queue, 0, 2, false), waiting = issue(queue, 0, 2, false);
  const auto demand = issue(queue, 1, 1);
  EXPECT_DOUBLE_EQ(queue.finish(demand).value, 3);  // not before the copy that runs
  EXPECT_DOUBLE_EQ(queue.finish(begun).value, 2);
  EXPECT_DOUBLE_EQ(queue.finish(waiting).value, 5);
}

TEST(CopyQueue, InOrderAWrongPrefetchDelaysTheDemand) {
  CopyQueue queue(CopyOrder::fifo);
  issue(queue, 0, 2, false);
  issue(queue, 0, 2, false);
  EXPECT_DOUBLE_EQ(queue.finish(issue(queue, 1, 1)).value, 5);
}

TEST(CopyQueue, ChunksLetADemandInBetween) {
  CopyQueue queue(CopyOrder::priority, Bytes(0.5e9));
  const auto prefetch = issue(queue, 0, 2, false);
  const auto demand = issue(queue, 0.75, 1);
  EXPECT_DOUBLE_EQ(queue.finish(demand).value, 2);  // after the chunk that ends at 1
  EXPECT_DOUBLE_EQ(queue.finish(prefetch).value, 3);
}

TEST(CopyQueue, APromotedPrefetchGoesBeforeTheOthers) {
  CopyQueue queue(CopyOrder::priority);
  issue(queue, 0, 1, false);
  issue(queue, 0, 4, false);
  const auto late = issue(queue, 0, 1, false);
  queue.promote(Seconds(0.5), late);
  EXPECT_DOUBLE_EQ(queue.finish(late).value, 2);
}

TEST(CopyQueue, OnlyWhatHasNotBegunCanBeDroppedAndMovesNothing) {
  CopyQueue queue(CopyOrder::fifo);
  const auto a = issue(queue, 0, 1, false), b = issue(queue, 0, 1, false);
  EXPECT_FALSE(queue.drop(Seconds(0.5), a));
  EXPECT_TRUE(queue.drop(Seconds(0.5), b));
  EXPECT_DOUBLE_EQ(queue.finish(issue(queue, 0.5, 1)).value, 2);
  EXPECT_DOUBLE_EQ(queue.moved().value, 2e9);
}

TEST(CopyQueue, RemembersTheLatestOfManyCopies) {
  CopyQueue queue(CopyOrder::fifo);
  CopyQueue::Ticket last = 0;
  for (int i = 0; i < 20'000; ++i) last = issue(queue, 2.0 * i, 1);
  EXPECT_DOUBLE_EQ(queue.finish(last).value, 39'999);
  EXPECT_DOUBLE_EQ(queue.moved().value, 20'000e9);
}

}  // namespace
}  // namespace moesim
