// What each routing policy does to the load, on logits made here.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "sim/core/random.hpp"
#include "sim/routing/bias_balance.hpp"
#include "sim/routing/router.hpp"
#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

constexpr std::int64_t kRouterExperts = 32, kTokens = 512;

/// Popularity falls with the id.
std::vector<float> skewed_logits() {
  const RandomStream random(11, 3);
  std::vector<float> logits(kRouterExperts * kTokens);
  random.fill_normal(0, logits);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] -= 0.08f * static_cast<float>(i % kRouterExperts);
  return logits;
}

std::unique_ptr<Router> make(const std::string& yaml, std::int64_t top_k = 4,
                             std::int64_t experts = kRouterExperts) {
  return Value<Choice<Router>>::read(parse_yaml(yaml, "test")).make({experts, top_k, 1, 1});
}

struct Routed {
  std::vector<std::int64_t> load = std::vector<std::int64_t>(kRouterExperts, 0);
  double per_token = 0;
  std::int64_t least = kRouterExperts, most = 0;
  double imbalance() const {
    const double sum = static_cast<double>(std::accumulate(load.begin(), load.end(), 0L));
    return static_cast<double>(*std::ranges::max_element(load)) * kRouterExperts / sum;
  }
};

Routed route(Router& router) {
  const auto width = static_cast<std::size_t>(router.width());
  std::vector<std::uint16_t> chosen(kTokens * width);
  router.route({0, 1, kRouterExperts}, skewed_logits(), chosen);
  Routed routed;
  for (std::size_t t = 0; t < kTokens; ++t) {
    std::int64_t mine = 0;
    for (std::size_t i = 0; i < width; ++i) {
      const auto id = chosen[t * width + i];
      if (id == kNoExpert) continue;
      ++routed.load[id];
      ++mine;
    }
    routed.per_token += static_cast<double>(mine) / kTokens;
    routed.least = std::min(routed.least, mine);
    routed.most = std::max(routed.most, mine);
  }
  return routed;
}

TEST(TopP, GivesHardTokensMoreExperts) {
  const auto routed = route(*make("{type: top-p, p: 0.4}"));
  EXPECT_GE(routed.least, 1);
  EXPECT_GT(routed.most, routed.least + 1);
  EXPECT_GT(route(*make("{type: top-p, p: 0.8}")).per_token, routed.per_token);
}

TEST(ExpertChoice, LoadsEveryExpertEqually) {
  const auto routed = route(*make("{type: expert-choice, capacity: 2}"));
  for (const auto n : routed.load) EXPECT_EQ(n, kTokens * 2 / kRouterExperts);
  EXPECT_EQ(routed.per_token, 2);
  EXPECT_LT(routed.least, 2);
}

TEST(NullExperts, TakeAShareOfTheChoices) {
  const auto few = route(*make("{type: null-experts, nulls: 8, k: 5}"));
  const auto many = route(*make("{type: null-experts, nulls: 64, k: 5}"));
  EXPECT_LT(many.per_token, few.per_token);
  EXPECT_LT(few.per_token, 5);
}

TEST(Capacity, HoldsItsLimitAndDropsOrMovesWhatOverflows) {
  const std::int64_t room = kTokens * 4 / kRouterExperts;
  const auto dropped = route(*make("{type: capacity, factor: 1, overflow: drop}"));
  EXPECT_EQ(*std::ranges::max_element(dropped.load), room);
  EXPECT_LT(dropped.per_token, 4);
  for (const auto* overflow : {"next", "reroute"}) {
    const auto moved =
        route(*make(std::string("{type: capacity, factor: 1.25, overflow: ") + overflow + "}"));
    EXPECT_LE(*std::ranges::max_element(moved.load), room * 5 / 4) << overflow;
    EXPECT_EQ(moved.per_token, 4) << overflow;
  }
}

TEST(Capacity, SettlesTheCountsOfABatchToTheSameLimit) {
  const auto router = make("{type: capacity, factor: 1, overflow: reroute}");
  std::vector<std::int32_t> counts(kRouterExperts, 30);
  counts[0] = 500;
  const auto before = std::accumulate(counts.begin(), counts.end(), 0);
  router->settle(before / 4, counts);
  EXPECT_LE(*std::ranges::max_element(counts), before / kRouterExperts + 1);
  EXPECT_NEAR(std::accumulate(counts.begin(), counts.end(), 0), before, kRouterExperts);
}

TEST(Sinkhorn, BalancesTheBatchWhenItIsRoutedSo) {
  const double plain = route(*make("top-k")).imbalance();
  EXPECT_LT(route(*make("sinkhorn")).imbalance(), 0.6 * plain);
  EXPECT_DOUBLE_EQ(route(*make("{type: sinkhorn, probability: 0}")).imbalance(), plain);
}

TEST(BiasBalance, AGapClosesAtGammaPerBatch) {
  // Two experts whose scores differ by 0.1 for every token: with gamma 0.001 from either side the
  // first switch comes after 50 batches, not before.
  BiasBalance rule(2, 0.001);
  int batches = 0;
  while (0.6f + rule.bias()[0] > 0.5f + rule.bias()[1]) {
    const std::vector<std::int64_t> load = {100, 0};
    rule.update(load);
    ++batches;
  }
  EXPECT_NEAR(batches, 50, 1);
}

TEST(BiasBalanced, ImbalanceFallsWithTheUpdatesToAFloor) {
  const double untouched = route(*make("{type: bias-balanced, updates: 0}")).imbalance();
  const double some = route(*make("{type: bias-balanced, gamma: 0.002, updates: 60}")).imbalance();
  const double many = route(*make("{type: bias-balanced, gamma: 0.002, updates: 600}")).imbalance();
  EXPECT_LT(some, untouched);
  EXPECT_LT(many, some);
  EXPECT_LT(many, 1.3);
}

TEST(EntropySwitched, UsesAllExpertsForUncertainTokensOnly) {
  const auto routed = route(*make("{type: entropy-switched, threshold: 0.85, p: 0.5}"));
  EXPECT_EQ(routed.most, kRouterExperts);
  EXPECT_LT(routed.least, kRouterExperts / 2);
}

TEST(Pruned, UsesTheKeptExpertsAlone) {
  const auto router = make("{type: pruned, keep: 12}");
  const auto routed = route(*router);
  EXPECT_EQ(std::ranges::count_if(routed.load, [](auto n) { return n > 0; }), 12);
  EXPECT_EQ(routed.per_token, 4);
  EXPECT_DOUBLE_EQ(router->effect({0, 1, kRouterExperts}).resident_share, 12.0 / 32);
}

TEST(Routers, RefuseMoreExpertsThanAreLeft) {
  for (const auto& [yaml, holds] :
       {std::pair{"{type: pruned, keep: 3}", "keep = 3 of 32 experts, with top_k = 4"},
        {"{type: null-experts, nulls: 2, k: 40}", "k = 40 of 32 experts and 2 nulls"},
        {"{type: compressed, main: 9}", "main = 9 of top_k = 4"},
        {"{type: chain-of-experts, rounds: 3}", "does not divide into 3 rounds"}}) {
    const auto text = testing::error_text([&, y = yaml] { make(y); });
    EXPECT_NE(text.find(holds), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace moesim
