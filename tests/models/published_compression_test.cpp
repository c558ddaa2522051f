// What compressed experts weigh, by count, against what their papers print.
#include <gtest/gtest.h>

#include "models/architecture/catalog.hpp"
#include "models/architecture/size.hpp"

namespace moesim {
namespace {

double gib(std::int64_t parameters, Dtype dtype) {
  return static_cast<double>(parameters) * stored_bits(dtype) / 8 / (1 << 30);
}

// MoTE, arXiv 2506.14435: memory of the experts, 3 B class. The shape is that of Qwen2.5-3B (36
// layers, gated, 2048 x 11008), which no text we have states: it meets all three figures.
TEST(Mote, ExpertsWeighWhatThePaperPrints) {
  const std::int64_t ffn = 3 * 2048 * 11008, layers = 36, routed = 4;
  EXPECT_NEAR(gib(layers * routed * ffn, Dtype::bf16), 18.1, 0.05);
  const double ternary = gib(layers * routed * ffn, Dtype::ternary);
  EXPECT_NEAR(gib(layers * ffn, Dtype::bf16) + ternary, 6.8, 0.05);
  EXPECT_NEAR(gib(layers * ffn, Dtype::int4) + ternary, 3.4, 0.05);
}

// MC-SMoE, arXiv 2310.01334 and its repository: Switch-base-32, all MoE layers but the encoder's
// first merged to 8 experts, those decomposed to rank 32 and 10 % of the elements: up to 80 % less
// memory, 20 % fewer FLOPs.
TEST(McSmoe, ExpertsWeighAndComputeWhatThePaperPrints) {
  auto model = load_model("switch-base-128", {}).architecture;
  model.moe.experts = 32;
  const auto whole = static_cast<double>(expert_parameters(model));
  const double d = static_cast<double>(model.hidden),
               f = static_cast<double>(model.moe.intermediate);
  const double decomposed = 2 * 32 * (d + f) + 0.1 * whole;
  EXPECT_NEAR(decomposed / whole, 0.152, 0.001);  // expert_width of the scenario
  const auto total = static_cast<double>(count_parameters(model).total);
  const double merged_layers = 11;
  const double after = total - merged_layers * 32 * whole + merged_layers * 8 * decomposed;
  EXPECT_NEAR(1 - after / total, 0.80, 0.01);
  const auto active = static_cast<double>(count_parameters(model).active);
  EXPECT_NEAR(merged_layers * (whole - decomposed) / active, 0.20, 0.01);
}

// HEAPr, arXiv 2509.22299: 20 to 25 % of the routed experts' width pruned, FLOPs about 20 % lower:
// true of the experts, half as much of the model.
TEST(Heapr, PrunesItsShareOfTheExpertsAndHalfAsMuchOfTheModel) {
  const auto model = load_model("qwen3-30b-a3b", {}).architecture;
  const auto layer = layer_parameters(model, model.layers.front());
  const double experts = static_cast<double>(layer.active_experts);
  EXPECT_NEAR(0.25 * experts / static_cast<double>(layer.active_matrices()), 0.165, 0.005);
}

}  // namespace
}  // namespace moesim
