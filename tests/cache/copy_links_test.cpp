// Copy engines that meet on links: shares by hand, and a lone one as if there were no link.
#include "sim/cache/copy_links.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "sim/cache/copy_queue.hpp"
#include "sim/core/random.hpp"

namespace moesim {
namespace {

constexpr BytesPerSecond kOwn{1e9};

/// Queues of one GPU each, all with the same link of their own.
struct Engines {
  Engines(std::size_t count, std::vector<CopyLimit> limits, CopyOrder order = CopyOrder::fifo,
          Bytes chunk = Bytes(0))
      : links(std::move(limits)) {
    for (std::size_t i = 0; i < count; ++i)
      queues.push_back(std::make_unique<CopyQueue>(order, chunk, &links));
  }
  CopyQueue::Ticket issue(std::size_t queue, double now, double gb, std::size_t tiers = 1,
                          double latency = 0) {
    return queues[queue]->issue(Seconds(now), Bytes(gb * 1e9), kOwn, Seconds(latency), true, tiers);
  }
  double finish(std::size_t queue, CopyQueue::Ticket ticket) {
    return queues[queue]->finish(ticket).value;
  }
  CopyLinks links;
  std::vector<std::unique_ptr<CopyQueue>> queues;
};

TEST(CopyLinks, TwoGpusBehindOneLinkHaveHalfOfItEach) {
  Engines engines(2, {{kOwn, 0, {1, 1}}});
  const auto a = engines.issue(0, 0, 1), b = engines.issue(1, 0, 2);
  EXPECT_DOUBLE_EQ(engines.finish(0, a), 2);
  EXPECT_DOUBLE_EQ(engines.finish(1, b), 3);  // alone after 2 s, with 1 GB to go
  EXPECT_DOUBLE_EQ(engines.queues[0]->moved().value + engines.queues[1]->moved().value, 3e9);
}

TEST(CopyLinks, ALaterCopyTakesItsShareFromWhenItBegins) {
  Engines engines(2, {{kOwn, 0, {1, 1}}});
  const auto a = engines.issue(0, 0, 1);
  const auto b = engines.issue(1, 0.5, 1, 1, 0.25);  // loads nothing while it starts up
  EXPECT_DOUBLE_EQ(engines.finish(0, a), 1.25);
  EXPECT_DOUBLE_EQ(engines.finish(1, b), 0.75 + 1 + 0.25);
}

TEST(CopyLinks, AGroupOfGpusCountsAsSoManyAndWhatIsNotOnALinkIsNotSlowed) {
  Engines engines(3, {{BytesPerSecond(1.5e9), 0, {2, 1, 0}}});
  const auto a = engines.issue(0, 0, 1), b = engines.issue(1, 0, 1), c = engines.issue(2, 0, 1);
  EXPECT_DOUBLE_EQ(engines.finish(2, c), 1);
  EXPECT_DOUBLE_EQ(engines.finish(0, a), 2);  // 3 x 0.5 GB/s
  EXPECT_DOUBLE_EQ(engines.finish(1, b), 2);
}

TEST(CopyLinks, OnlyCopiesFromADeeperTierLoadItsLink) {
  Engines engines(2, {{BytesPerSecond(0.5e9), 1, {1, 1}}});
  const auto near = engines.issue(0, 0, 1, 1), far = engines.issue(1, 0, 1, 2);
  EXPECT_DOUBLE_EQ(engines.finish(0, near), 1);
  EXPECT_DOUBLE_EQ(engines.finish(1, far), 2);
}

// Whatever is asked of it, in whatever order, promoted, dropped and in chunks.
TEST(CopyLinks, ALinkThatDoesNotBindChangesNothing) {
  const RandomStream random(5, stream_id("copy links"));
  for (const auto order : {CopyOrder::fifo, CopyOrder::priority})
    for (const double chunk : {0.0, 0.3e9}) {
      CopyQueue alone(order, Bytes(chunk));
      Engines engines(2, {{BytesPerSecond(2e9), 0, {1, 1}}}, order, Bytes(chunk));
      std::uint64_t draw = 0;
      double now = 0;
      for (int i = 0; i < 300; ++i) {
        now += random.uniform(draw++);
        const Bytes bytes(1e9 * random.uniform(draw++));
        const bool demand = random.below(draw++, 2) == 0;
        auto& linked = *engines.queues[0];
        const auto ticket = alone.issue(Seconds(now), bytes, kOwn, Seconds(0.01), demand);
        ASSERT_EQ(linked.issue(Seconds(now), bytes, kOwn, Seconds(0.01), demand), ticket);
        engines.issue(1, now, 0.2);
        if (i % 5 == 3) {
          ASSERT_EQ(alone.drop(Seconds(now), ticket - 1), linked.drop(Seconds(now), ticket - 1));
        }
        if (i % 7 == 2) {
          alone.promote(Seconds(now), ticket);
          linked.promote(Seconds(now), ticket);
        }
        ASSERT_EQ(alone.done(ticket, Seconds(now)), linked.done(ticket, Seconds(now)));
        if (i % 3 != 1) continue;
        const auto last = alone.issue(Seconds(now), bytes, kOwn, Seconds(0), true);
        linked.issue(Seconds(now), bytes, kOwn, Seconds(0), true);
        const auto end = alone.finish(last).value;
        ASSERT_NEAR(linked.finish(last).value, end, 1e-9 * end);
        now = end;
      }
      EXPECT_NEAR(engines.queues[0]->moved().value, alone.moved().value, 1);
    }
}

TEST(CopyLinks, NoLinkCarriesMoreThanItsCapacityAndNoCopyIsFasterThanItsOwn) {
  const RandomStream random(9, stream_id("copy links"));
  std::uint64_t draw = 0;
  for (int run = 0; run < 40; ++run) {
    const double capacity = 0.5e9 + 3e9 * random.uniform(draw++);
    Engines engines(4, {{BytesPerSecond(capacity), 0, {1, 1, 1, 1}}});
    std::vector<CopyQueue::Ticket> last(4);
    std::vector<double> own(4, 0);
    for (int i = 0; i < 20; ++i) {
      const auto queue = static_cast<std::size_t>(random.below(draw++, 4));
      const double gb = random.uniform(draw++);
      own[queue] += gb;
      last[queue] = engines.issue(queue, 0, gb);
    }
    double end = 0, all = 0;
    for (std::size_t q = 0; q < 4; ++q) {
      all += own[q];
      if (own[q] == 0) continue;
      const double finish = engines.finish(q, last[q]);
      EXPECT_GE(finish, own[q] * (1 - 1e-12));
      end = std::max(end, finish);
    }
    EXPECT_GE(end * capacity, all * 1e9 * (1 - 1e-9));
    EXPECT_LE(end, std::max(all * 1e9 / capacity, 1.0) + *std::ranges::max_element(own) + 1e-9);
  }
}

}  // namespace
}  // namespace moesim
