// The contract of slot "router", for every registered implementation.
#include <gtest/gtest.h>

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

std::vector<std::uint16_t> choose(Router& router, const std::vector<float>& values,
                                  std::int64_t top_k) {
  std::vector<std::uint16_t> chosen(static_cast<std::size_t>(top_k), 0xffff);
  router.choose(values, chosen);
  return chosen;
}

class RouterContract : public testing::TestWithParam<std::string> {};

TEST_P(RouterContract, WritesDistinctExpertsThatExist) {
  for (const auto& shape : kShapes) {
    const auto router = contract::make<Router>(GetParam(), shape);
    for (std::uint64_t token = 0; token < 200; ++token) {
      const auto chosen = choose(*router, logits(shape.experts, token), shape.top_k);
      ASSERT_EQ(std::set(chosen.begin(), chosen.end()).size(), chosen.size());
      for (const auto id : chosen) ASSERT_LT(id, shape.experts);
    }
  }
}

TEST_P(RouterContract, TakesTheLargestLogitFirstAndOrdersByFallingLogit) {
  for (const auto& shape : kShapes) {
    const auto router = contract::make<Router>(GetParam(), shape);
    for (std::uint64_t token = 0; token < 50; ++token) {
      const auto values = logits(shape.experts, token);
      const auto chosen = choose(*router, values, shape.top_k);
      for (std::size_t i = 1; i < chosen.size(); ++i)
        ASSERT_GE(values[chosen[i - 1]], values[chosen[i]]);
    }
  }
}

TEST_P(RouterContract, IsAPureFunctionOfTheLogits) {
  for (const auto& shape : kShapes) {
    const auto router = contract::make<Router>(GetParam(), shape),
               other = contract::make<Router>(GetParam(), shape);
    const auto first = choose(*router, logits(shape.experts, 1), shape.top_k);
    choose(*router, logits(shape.experts, 2), shape.top_k);
    EXPECT_EQ(choose(*router, logits(shape.experts, 1), shape.top_k), first);
    EXPECT_EQ(choose(*other, logits(shape.experts, 1), shape.top_k), first);
  }
}

TEST_P(RouterContract, GivesTiesToTheLowerId) {
  for (const auto& shape : kShapes) {
    const auto router = contract::make<Router>(GetParam(), shape);
    const auto chosen = choose(
        *router, std::vector<float>(static_cast<std::size_t>(shape.experts), 0.5f), shape.top_k);
    for (std::size_t i = 0; i < chosen.size(); ++i) EXPECT_EQ(chosen[i], i) << shape.experts;
  }
}

TEST_P(RouterContract, ChoosesEveryExpertWhenItMust) {
  const auto router = contract::make<Router>(GetParam(), {8, 8, 1, 1});
  const auto chosen = choose(*router, logits(8, 3), 8);
  EXPECT_EQ(std::set(chosen.begin(), chosen.end()).size(), 8u);
}

TEST_P(RouterContract, TakesExtremeLogits) {
  for (const float extreme : {3e38f, -3e38f, 1e-38f}) {
    const auto router = contract::make<Router>(GetParam(), {64, 8, 1, 1});
    auto values = logits(64, 5);
    for (std::size_t e = 0; e < 60; ++e) values[e] = extreme;
    const auto chosen = choose(*router, values, 8);
    EXPECT_EQ(std::set(chosen.begin(), chosen.end()).size(), 8u) << extreme;
  }
}

INSTANTIATE_TEST_SUITE_P(Every, RouterContract,
                         testing::ValuesIn(contract::implementations<Router>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
