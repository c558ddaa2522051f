// The max-min solver against closed forms.
#include "sim/transport/max_min.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

namespace moesim {
namespace {

std::vector<Link> links(std::vector<double> capacities) {
  std::vector<Link> all;
  for (const double c : capacities) all.push_back({"link", BytesPerSecond(c)});
  return all;
}

TEST(MaxMin, FollowsTheTextbookExample) {
  // Three links of 1, 2 and 1: a over all, b over the first, c over the second, d over the third.
  const std::vector<int> a = {0, 1, 2}, b = {0}, c = {1}, d = {2};
  const auto rates =
      max_min_rates(links({1, 2, 1}), std::vector<FluidPiece>{{a, 1}, {b, 1}, {c, 1}, {d, 1}});
  EXPECT_DOUBLE_EQ(rates[0], 0.5);
  EXPECT_DOUBLE_EQ(rates[1], 0.5);
  EXPECT_DOUBLE_EQ(rates[2], 1.5);
  EXPECT_DOUBLE_EQ(rates[3], 0.5);
}

TEST(MaxMin, HandsOnTheShareOfAFlowThatEnds) {
  const std::vector<int> both = {0};
  const auto times = max_min_times(links({10}), std::vector<FluidPiece>{{both, 10}, {both, 30}});
  EXPECT_DOUBLE_EQ(times.finish_s[0], 2);
  EXPECT_DOUBLE_EQ(times.finish_s[1], 4);
  EXPECT_EQ(times.waves, 2);
}

TEST(MaxMin, StopsWhereItIsTold) {
  const std::vector<int> both = {0};
  const auto times =
      max_min_times(links({10}), std::vector<FluidPiece>{{both, 10}, {both, 30}}, {.until_s = 3});
  EXPECT_DOUBLE_EQ(times.finish_s[0], 2);
  EXPECT_TRUE(std::isinf(times.finish_s[1]));
  EXPECT_DOUBLE_EQ(times.rest_bytes[1], 10);
}

TEST(MaxMin, NeverEndsOverALinkWithoutCapacity) {
  const std::vector<int> dead = {0}, alive = {1};
  const auto times = max_min_times(links({0, 5}), std::vector<FluidPiece>{{dead, 10}, {alive, 10}});
  EXPECT_TRUE(std::isinf(times.finish_s[0]));
  EXPECT_DOUBLE_EQ(times.finish_s[1], 2);
}

// Equal sizes, one start, single paths: on its worst link every flow gets at least C / m_max, and
// the busiest link needs exactly m_max * size / C. So the last flow ends at the link bound.
TEST(MaxMin, EndsAtTheLinkBoundForEqualFlowsOnSinglePaths) {
  rc::check([] {
    const auto spines = *rc::gen::inRange(1, 9);
    const auto leaves = *rc::gen::inRange(2, 6);
    const auto flows = *rc::gen::inRange(1, 60);
    std::vector<double> capacity(static_cast<std::size_t>(2 * leaves * spines), 100.0);
    std::vector<std::vector<int>> paths;
    for (int f = 0; f < flows; ++f) {
      const auto from = *rc::gen::inRange(0, leaves), to = *rc::gen::inRange(0, leaves);
      const auto spine = *rc::gen::inRange(0, spines);
      paths.push_back({from * spines + spine, leaves * spines + to * spines + spine});
    }
    std::vector<FluidPiece> pieces;
    std::vector<double> load(capacity.size(), 0);
    for (const auto& path : paths) {
      pieces.push_back({path, 50});
      for (const int l : path) load[static_cast<std::size_t>(l)] += 50;
    }
    const auto times = max_min_times(links(capacity), pieces);
    const double last = *std::max_element(times.finish_s.begin(), times.finish_s.end());
    RC_ASSERT(std::abs(last - *std::max_element(load.begin(), load.end()) / 100) < 1e-9);
  });
}

TEST(MaxMin, ConservesCapacityAndLosesNothing) {
  rc::check([] {
    const auto count = *rc::gen::inRange(1, 40);
    std::vector<std::vector<int>> paths;
    std::vector<FluidPiece> pieces;
    for (int f = 0; f < count; ++f)
      paths.push_back({*rc::gen::inRange(0, 6), 6 + *rc::gen::inRange(0, 6)});
    for (const auto& path : paths) pieces.push_back({path, 1.0 + *rc::gen::inRange(1, 100)});
    const auto all = links(std::vector<double>(12, 10.0));
    const auto rates = max_min_rates(all, pieces);
    std::vector<double> used(12, 0), load(12, 0);
    for (std::size_t p = 0; p < pieces.size(); ++p)
      for (const int l : paths[p]) {
        used[static_cast<std::size_t>(l)] += rates[p];
        load[static_cast<std::size_t>(l)] += pieces[p].bytes;
      }
    for (std::size_t p = 0; p < pieces.size(); ++p) {
      const auto a = static_cast<std::size_t>(paths[p][0]),
                 b = static_cast<std::size_t>(paths[p][1]);
      RC_ASSERT(used[a] <= 10 + 1e-9);
      // Every flow is held by a full link.
      RC_ASSERT(used[a] > 10 - 1e-9 || used[b] > 10 - 1e-9);
    }
    const auto times = max_min_times(all, pieces);
    const double last = *std::max_element(times.finish_s.begin(), times.finish_s.end());
    RC_ASSERT(last >= *std::max_element(load.begin(), load.end()) / 10 - 1e-9);
  });
}

}  // namespace
}  // namespace moesim
