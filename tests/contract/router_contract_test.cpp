// The contract of slot "router", for every registered implementation.
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "sim/core/random.hpp"
#include "sim/routing/router.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

const std::vector<Router::Context> kShapes = {
    {8, 2, 1, 1}, {64, 8, 1, 1}, {256, 8, 8, 4}, {16, 1, 4, 1}, {160, 6, 8, 3}};

std::vector<float> logits(std::int64_t experts, std::uint64_t token) {
  const RandomStream random(1, token);
  std::vector<float> values;
  for (std::int64_t e = 0; e < experts; ++e)
    values.push_back(static_cast<float>(3 * random.normal(static_cast<std::uint64_t>(e))));
  return values;
}

/// Choices of tokens that are routed together: [tokens x width].
std::vector<std::uint16_t> route(Router& router, std::uint64_t first_token, std::int64_t tokens) {
  const auto experts = router.visible_experts();
  std::vector<float> values;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const auto row = logits(experts, first_token + static_cast<std::uint64_t>(t));
    values.insert(values.end(), row.begin(), row.end());
  }
  std::vector<std::uint16_t> chosen(static_cast<std::size_t>(tokens * router.width()), 0xeeee);
  router.route({0, 4, experts}, values, chosen);
  return chosen;
}

class RouterContract : public ::testing::TestWithParam<std::string> {};

/// Groups are for the router that has them.
std::vector<Router::Context> shapes(const std::string& name) {
  auto all = kShapes;
  if (name == "group-limited") return all;
  for (auto& shape : all) shape.groups = shape.groups_kept = 1;
  return all;
}

TEST_P(RouterContract, WritesDistinctExpertsThatExistOrNone) {
  for (const auto& shape : shapes(GetParam())) {
    const auto router = contract::make<Router>(GetParam(), shape);
    const auto width = static_cast<std::size_t>(router->width());
    ASSERT_GE(width, 1u);
    const auto chosen = route(*router, 0, 200);
    for (std::size_t t = 0; t < 200; ++t) {
      std::set<std::uint16_t> ids;
      std::size_t some = 0;
      for (std::size_t i = 0; i < width; ++i) {
        const auto id = chosen[t * width + i];
        if (id == kNoExpert) continue;
        ++some;
        ids.insert(id);
        ASSERT_LT(id, router->visible_experts());
      }
      ASSERT_EQ(ids.size(), some) << "token " << t;
    }
  }
}

TEST_P(RouterContract, GivesTheSameChoicesForTheSameLogits) {
  for (const auto& shape : shapes(GetParam())) {
    const auto router = contract::make<Router>(GetParam(), shape),
               other = contract::make<Router>(GetParam(), shape);
    const auto first = route(*router, 1, 64);
    route(*router, 1000, 32);
    EXPECT_EQ(route(*router, 1, 64), first);
    EXPECT_EQ(route(*other, 1, 64), first);
  }
}

TEST_P(RouterContract, SettlesCountsWithoutMakingTokensUp) {
  const auto router = contract::make<Router>(GetParam(), {64, 8, 1, 1});
  std::vector<std::int32_t> counts(64, 0);
  for (std::size_t e = 0; e < 64; ++e) counts[e] = static_cast<std::int32_t>(e < 8 ? 200 : 7);
  const auto before = std::accumulate(counts.begin(), counts.end(), 0);
  router->settle(256, counts);
  EXPECT_LE(std::accumulate(counts.begin(), counts.end(), 0), before);
  for (const auto n : counts) {
    EXPECT_GE(n, 0);
    EXPECT_LE(n, 256);
  }
}

TEST_P(RouterContract, ItsEffectIsWithinItsBounds) {
  const auto router = contract::make<Router>(GetParam(), {64, 8, 1, 1});
  for (std::int64_t layer = 0; layer < 10; ++layer) {
    const auto effect = router->effect({layer, 10, router->visible_experts()});
    EXPECT_GE(effect.rounds, 1);
    EXPECT_GT(effect.layer_share, 0);
    EXPECT_LE(effect.layer_share, 1);
    EXPECT_LE(effect.expert_share + effect.small_share, 1 + 1e-9);
    EXPECT_GT(effect.expert_passes, 0);
    EXPECT_GT(effect.resident_share, 0);
    EXPECT_LE(effect.resident_share, 1);
  }
}

TEST_P(RouterContract, TakesExtremeLogits) {
  for (const float extreme : {3e38f, -3e38f, 1e-38f}) {
    const auto router = contract::make<Router>(GetParam(), {64, 8, 1, 1});
    auto values = logits(router->visible_experts(), 5);
    for (std::size_t e = 0; e < 60; ++e) values[e] = extreme;
    std::vector<std::uint16_t> chosen(static_cast<std::size_t>(router->width()), 0xeeee);
    router->route({0, 4, router->visible_experts()}, values, chosen);
    for (const auto id : chosen) EXPECT_TRUE(id == kNoExpert || id < router->visible_experts());
  }
}

class LogitRouter : public ::testing::TestWithParam<std::string> {};

TEST_P(LogitRouter, TakesTheLargestLogitFirstAndOrdersByFallingLogit) {
  for (const auto& shape : kShapes) {
    const auto router = contract::make<Router>(GetParam(), shape);
    for (std::uint64_t token = 0; token < 50; ++token) {
      const auto values = logits(shape.experts, token);
      const auto chosen = route(*router, token, 1);
      for (std::size_t i = 1; i < chosen.size(); ++i)
        ASSERT_GE(values[chosen[i - 1]], values[chosen[i]]);
    }
  }
}

TEST_P(LogitRouter, GivesTiesToTheLowerId) {
  for (const auto& shape : kShapes) {
    const auto router = contract::make<Router>(GetParam(), shape);
    std::vector<std::uint16_t> chosen(static_cast<std::size_t>(shape.top_k));
    router->route({0, 1, shape.experts},
                  std::vector<float>(static_cast<std::size_t>(shape.experts), 0.5f), chosen);
    for (std::size_t i = 0; i < chosen.size(); ++i) EXPECT_EQ(chosen[i], i) << shape.experts;
  }
}

INSTANTIATE_TEST_SUITE_P(Plain, LogitRouter, ::testing::Values("top-k", "group-limited"),
                         [](const auto& each) { return contract::test_name(each.param); });

INSTANTIATE_TEST_SUITE_P(Every, RouterContract,
                         ::testing::ValuesIn(contract::implementations<Router>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
