#include "sim/placement/eplb.hpp"

#include <gtest/gtest.h>

#include "sim/placement/balancer.hpp"

namespace moesim {
namespace {

using Ids = std::vector<std::int32_t>;

// The example of the README of github.com/deepseek-ai/EPLB: 2 layers x 12 experts, 16 replicas, 4
// groups, 2 nodes, 8 GPUs.
const std::vector<double> kFirst = {90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86};
const std::vector<double> kSecond = {20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27};

TEST(Eplb, ReproducesThePublishedExampleToTheLastIndex) {
  EXPECT_EQ(eplb_replicas(kFirst, 16, 4, 2, 8),
            (Ids{5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1}));
  EXPECT_EQ(eplb_replicas(kSecond, 16, 4, 2, 8),
            (Ids{7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1}));
}

TEST(Eplb, GivesTheLoadsThatTheExampleImplies) {
  const auto placed = eplb_replicas(kFirst, 16, 4, 2, 8);
  std::vector<int> copies(12, 0);
  for (const auto e : placed) ++copies[static_cast<std::size_t>(e)];
  std::vector<double> load(8, 0);
  for (std::size_t i = 0; i < 16; ++i)
    load[i / 2] +=
        kFirst[static_cast<std::size_t>(placed[i])] / copies[static_cast<std::size_t>(placed[i])];
  EXPECT_EQ(load, (std::vector<double>{121.5, 86.5, 125, 113, 147.5, 131.5, 156, 152}));
}

TEST(Eplb, KeepsEveryGroupOnOneNode) {
  const auto placed = eplb_replicas(kSecond, 16, 4, 2, 8);
  std::vector<int> node(4, -1);
  for (std::size_t i = 0; i < 16; ++i) {
    auto& of = node[static_cast<std::size_t>(placed[i] / 3)];
    const int here = static_cast<int>(i / 8);
    EXPECT_TRUE(of < 0 || of == here);
    of = here;
  }
}

TEST(Eplb, FallsBackToGlobalWhereGroupsDoNotDivideOverNodes) {
  EXPECT_EQ(eplb_replicas(kFirst, 16, 3, 2, 8), eplb_replicas(kFirst, 16, 1, 1, 8));
}

TEST(Packing, IsTheIdentityWhereAPackHoldsOneItem) {
  const auto packing = balanced_packing(std::vector<double>{1, 5, 3}, 3);
  EXPECT_EQ(packing.pack, (Ids{0, 1, 2}));
}

TEST(Migration, CopiesWhatARankHasNotFromTheNearestHolder) {
  const auto before = placement_of_slots({0, 1, 2, 3, 0, 1, 2, 3}, 4, 4);  // two ranks per node
  const auto after = placement_of_slots({0, 2, 2, 3, 3, 1, 2, 0}, 4, 4);
  const auto moves = moves_between(before, after, 2);
  ASSERT_EQ(moves.size(), 3u);
  EXPECT_EQ(moves[0].expert, 2);  // rank 0 gets it from rank 1 of its node, not from rank 3
  EXPECT_EQ(moves[0].from, 1);
  EXPECT_EQ(moves[0].to, 0);
  EXPECT_EQ(moves[1].expert, 3);
  EXPECT_EQ(moves[1].from, 3);
  EXPECT_EQ(moves[2].expert, 0);
  EXPECT_EQ(moves[2].from, 2);
  EXPECT_TRUE(moves_between(after, after, 2).empty());
}

}  // namespace
}  // namespace moesim
