#include "sim/engine/sampled_layers.hpp"

#include <gtest/gtest.h>

#include "sim/engine/moe_layers.hpp"

namespace moesim {
namespace {

TEST(SampledLayers, AreSampledOncePerKeyWhileTheyAreKept) {
  int sampled = 0;
  const auto ask = [&](const std::string& key) {
    return sampled_layers(key, [&] {
      ++sampled;
      return SampledLayers{};
    });
  };
  const auto first = ask("SampledLayers test 0");
  EXPECT_EQ(ask("SampledLayers test 0"), first);
  EXPECT_EQ(sampled, 1);
  ask(""), ask("");
  EXPECT_EQ(sampled, 3) << "without a key nothing is shared";
  for (int i = 1; i <= 8; ++i) ask("SampledLayers test " + std::to_string(i));
  EXPECT_EQ(sampled, 11);
  EXPECT_NE(ask("SampledLayers test 0"), first) << "eight others came since";
  EXPECT_EQ(sampled, 12);
}

/// Tokens per expert of one batch in every layer.
std::vector<std::int32_t> drawn(MoeLayers& layers) {
  std::vector<std::int32_t> all;
  ExpertLoads loads;
  for (std::int64_t layer = 0; layer < layers.layers(); ++layer) {
    layers.draw(layer, 100, 5, loads);
    all.insert(all.end(), loads.per_expert.begin(), loads.per_expert.end());
  }
  return all;
}

TEST(SampledLayers, DifferBySeedRouterAndSource) {
  Architecture model;
  model.name = "test";
  model.moe.experts = 32;
  model.moe.top_k = 4;
  model.layers.resize(3);
  for (auto& layer : model.layers) layer.moe = true;
  RoutingConfig config;
  MoeLayers first(model, config, 4, 1), again(model, config, 8, 1), other_seed(model, config, 4, 2);
  EXPECT_EQ(drawn(first), drawn(again)) << "ranks do not change what tokens choose";
  EXPECT_NE(drawn(first), drawn(other_seed));
  config.source =
      Value<Choice<ChoiceSource>>::read(parse_yaml("{type: sampled, sigma: 1}", "test"));
  MoeLayers other_source(model, config, 4, 1);
  EXPECT_NE(drawn(first), drawn(other_source));
  config.router = Choice<Router>("expert-choice");
  MoeLayers other_router(model, config, 4, 1);
  EXPECT_NE(drawn(other_source), drawn(other_router));
}

}  // namespace
}  // namespace moesim
