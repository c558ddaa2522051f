// FLOPs of small models worked out by hand: two per matrix parameter that a token meets, plus
// attention.
#include <gtest/gtest.h>

#include "models/architecture/catalog.hpp"
#include "models/architecture/flops.hpp"
#include "models/architecture/size.hpp"

namespace moesim {
namespace {

/// Hidden 8; 4 heads, 2 key-value heads of 2; one dense layer of 12; vocabulary 10.
Architecture one_layer() {
  Architecture model;
  model.hidden = 8;
  model.vocabulary = 10;
  model.dense_intermediate = 12;
  model.attention.heads = 4;
  model.attention.kv_heads = 2;
  model.attention.head_dim = 2;
  model.layers = {{}};
  return model;
}

Architecture one_latent_layer() {
  auto model = one_layer();
  model.attention = {};
  model.attention.kind = AttentionKind::kMultiHeadLatent;
  model.attention.heads = model.attention.kv_heads = 4;
  model.attention.q_lora_rank = 3;
  model.attention.kv_lora_rank = 5;
  model.attention.qk_nope_head_dim = 2;
  model.attention.qk_rope_head_dim = 1;
  model.attention.v_head_dim = 6;
  return model;
}

TEST(ArchitectureFlops, OfADecodeStepAreTwicePerMatrixParameterPlusAttention) {
  const auto flops = decode_flops(one_layer(), 7);
  EXPECT_DOUBLE_EQ(flops.linear.value, 2 * (192 + 288 + 80))
      << "attention, feed-forward, LM head; no embedding";
  EXPECT_DOUBLE_EQ(flops.attention.value, 2 * (4 * 2 * 7) + 2 * (4 * 2 * 7)) << "scores and values";
  EXPECT_DOUBLE_EQ(flops.total().value, flops.linear.value + flops.attention.value);
}

TEST(ArchitectureFlops, OfAnMoeLayerCountTheChosenExpertsOnly) {
  auto model = one_layer();
  model.layers = {{true, 0}};
  model.moe.experts = 4;
  model.moe.top_k = 2;
  model.moe.intermediate = 5;
  model.moe.shared_intermediate = 6;
  model.moe.router_bias = true;  // vectors cost nothing
  EXPECT_DOUBLE_EQ(decode_flops(model, 1).linear.value, 2 * (192 + 32 + 2 * 120 + 144 + 80));
}

TEST(ArchitectureFlops, OfLatentAttentionDecodeInTheLatentSpace) {
  const auto flops = decode_flops(one_latent_layer(), 7);
  EXPECT_DOUBLE_EQ(flops.attention.value, 2.0 * 4 * 7 * ((5 + 1) + 5))
      << "latent + rotary scores, latent values";
}

TEST(ArchitectureFlops, OfLatentAttentionPrefillUnabsorbed) {
  const auto flops = forward_flops(one_latent_layer(), 3);
  EXPECT_DOUBLE_EQ(flops.attention.value, 2.0 * 4 * (1 + 2 + 3) * ((2 + 1) + 6));
}

TEST(ArchitectureFlops, AreLimitedByAWindow) {
  auto model = one_layer();
  model.layers[0].window = 3;
  EXPECT_DOUBLE_EQ(decode_flops(model, 100).attention.value,
                   decode_flops(one_layer(), 3).attention.value);
  EXPECT_DOUBLE_EQ(forward_flops(model, 5).attention.value, 4.0 * 8 * (1 + 2 + 3 + 3 + 3));
}

TEST(ArchitectureFlops, OfAForwardPassAreTheSumOfItsDecodeSteps) {
  for (const auto* name : {"qwen3-30b-a3b", "gpt-oss-20b", "mixtral-8x7b", "llama-3.1-8b"}) {
    const auto model = load_model(name).architecture;
    double sum = 0;
    for (std::int64_t context = 1; context <= 300; ++context)
      sum += decode_flops(model, context).total().value;
    EXPECT_NEAR(forward_flops(model, 300, 300).total().value / sum, 1, 1e-12) << name;
  }
}

TEST(ArchitectureFlops, OfAForwardPassRunTheHeadOnTheAskedPositionsOnly) {
  const auto model = one_layer();
  const double difference =
      forward_flops(model, 5, 5).linear.value - forward_flops(model, 5, 1).linear.value;
  EXPECT_DOUBLE_EQ(difference, 4 * 2 * 80);
}

TEST(ArchitectureFlops, OfLinearLayersAreTwiceTheActiveParametersWithoutTheEmbedding) {
  const auto model = load_model("deepseek-v3").architecture;
  std::int64_t matrices = model.vocabulary * model.hidden;
  for (const auto& part : sizes_by_part(model, {}))
    if (part.part != Part::kEmbedding && part.part != Part::kLmHead && part.part != Part::kVectors)
      matrices += part.active;
  EXPECT_DOUBLE_EQ(decode_flops(model, 1).linear.value, 2 * static_cast<double>(matrices));
}

TEST(ArchitectureFlops, OfAnEncoderDecoderProjectTheSourceOnce) {
  auto model = one_layer();
  model.encoder_layers = {{}};
  // decoder layer: self-attention 192, cross-attention Q and O 128, feed-forward 288, head 80
  EXPECT_DOUBLE_EQ(decode_flops(model, 7).linear.value, 2 * (192 + 128 + 288 + 80));
  EXPECT_DOUBLE_EQ(decode_flops(model, 7).attention.value, 2 * 4 * 8 * 7) << "self and cross";
  const auto whole = forward_flops(model, 3);
  EXPECT_DOUBLE_EQ(whole.linear.value, 2 * (3 * (192 + 288) + 3 * (192 + 192 + 288) + 80));
  EXPECT_DOUBLE_EQ(whole.attention.value, 4 * 8 * (9 + 6 + 9)) << "encoder, causal self, cross";
}

}  // namespace
}  // namespace moesim
