#include "sim/placement/llep.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace moesim {
namespace {

// The load patterns of the paper's figure 4 (test_llep.py): a share of the tokens sends all its k
// slots round-robin to the first experts, the others round-robin to the rest. Experts stand
// contiguously on 8 ranks.
std::vector<std::int32_t> pattern(std::int64_t experts, std::int64_t pairs, double share,
                                  std::int64_t hot) {
  std::vector<std::int32_t> load(static_cast<std::size_t>(experts), 0);
  const auto to_hot = static_cast<std::int64_t>(share * static_cast<double>(pairs));
  for (std::int64_t i = 0; i < hot; ++i)
    load[static_cast<std::size_t>(i)] =
        static_cast<std::int32_t>(to_hot / hot + (i < to_hot % hot ? 1 : 0));
  const auto cold = experts - hot, rest = pairs - to_hot;
  for (std::int64_t i = 0; i < cold; ++i)
    load[static_cast<std::size_t>(hot + i)] =
        static_cast<std::int32_t>(rest / cold + (i < rest % cold ? 1 : 0));
  return load;
}

std::vector<std::int32_t> contiguous(std::int64_t experts) {
  std::vector<std::int32_t> home;
  for (std::int64_t e = 0; e < experts; ++e)
    home.push_back(static_cast<std::int32_t>(e * 8 / experts));
  return home;
}

TEST(Llep, KeepsEverythingAtHomeWhenNoRankIsAboveTheCap) {
  const std::vector<std::int32_t> load(16, 100);
  for (const auto& part : llep_assign(load, contiguous(16), 8, {1, 10}))
    EXPECT_EQ(part.rank, part.expert / 2);
}

TEST(Llep, SpillsByTheRuleStepByStep) {
  // 4 ranks, one expert each, loads 100 20 20 20: the cap is 40. Expert 0 has 40 free at home
  // (case 2), 60 are spilled in chunks of 20 to ranks 1, 2, 3.
  const std::vector<std::int32_t> load = {100, 20, 20, 20}, home = {0, 1, 2, 3};
  const std::vector<LlepPart> expected = {{0, 0, 40}, {0, 1, 20}, {0, 2, 20}, {0, 3, 20},
                                          {1, 1, 20}, {2, 2, 20}, {3, 3, 20}};
  EXPECT_EQ(llep_assign(load, home, 4, {1, 1}), expected);
  // Chunks of 20 are below the least of 30: nobody fits, all 60 go to the least loaded rank.
  const auto forced = llep_assign(load, home, 4, {1, 30});
  EXPECT_EQ(forced[0], (LlepPart{0, 0, 40}));
  EXPECT_EQ(forced[1], (LlepPart{0, 1, 60}));
}

TEST(Llep, AnExpertWhoseRankIsFullIsSpilledWhole) {
  // Rank 0 has two experts of 60, rank 1 one of 0: the cap is 60. Expert 0 finds expert 1 pending
  // at home, so there is no room (case 3).
  const std::vector<std::int32_t> load = {60, 60, 0}, home = {0, 0, 1};
  const std::vector<LlepPart> expected = {{0, 1, 60}, {1, 0, 60}};
  EXPECT_EQ(llep_assign(load, home, 2, {1, 1}), expected);
}

TEST(Llep, BalancesEveryPublishedPatternWithinTheCapAndTheSmallestChunk) {
  struct Model {
    std::int64_t experts, pairs;
  };
  // gpt-oss-120b, DeepSeek-V3, Kimi-K2: 8 ranks x 32K or 16K tokens x top-k.
  for (const auto& model :
       {Model{128, 8 * 32768 * 4}, Model{256, 8 * 16384 * 8}, Model{384, 8 * 16384 * 8}})
    for (const double share : {0.0, 0.3, 0.5, 0.8, 0.95})
      for (const std::int64_t hot : {16, 4, 1}) {
        const auto load = pattern(model.experts, model.pairs, share, hot);
        const auto parts = llep_assign(load, contiguous(model.experts), 8, {1, 1024});
        std::vector<std::int64_t> rank(8, 0);
        std::map<std::int32_t, std::int64_t> expert;
        for (const auto& part : parts) {
          rank[static_cast<std::size_t>(part.rank)] += part.tokens;
          expert[part.expert] += part.tokens;
        }
        for (std::size_t e = 0; e < load.size(); ++e)
          ASSERT_EQ(expert[static_cast<std::int32_t>(e)], load[e]);
        const double mean = static_cast<double>(model.pairs) / 8;
        EXPECT_LE(static_cast<double>(*std::ranges::max_element(rank)) / mean, 1.03)
            << model.experts << " " << share << " " << hot;
      }
}

TEST(Llep, TheGateSeesRanksNotExperts) {
  // Figure 7a of the paper: 15, 20, 30 and 50 % of the tokens in 4 hot experts of gpt-oss-120b give
  // ratios per rank of 1.86, 2.22, 2.94 and 4.39.
  const auto home = contiguous(128);
  for (const auto& [share, ratio] :
       {std::pair{0.15, 1.86}, {0.20, 2.22}, {0.30, 2.94}, {0.50, 4.39}})
    EXPECT_NEAR(rank_imbalance(pattern(128, 8 * 32768 * 4, share, 4), home, 8), ratio, 0.02);
}

}  // namespace
}  // namespace moesim
