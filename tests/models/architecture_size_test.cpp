// Counts of small models worked out by hand, and of the shipped models against what their authors
// published.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "models/architecture/catalog.hpp"
#include "models/architecture/size.hpp"

namespace moesim {
namespace {

/// Hidden 8; 4 heads and 2 key-value heads of 2; dense layer, then MoE layer with 4 experts of 5,
/// top 2, shared 6.
Architecture small_grouped_query() {
  Architecture model;
  model.hidden = 8;
  model.vocabulary = 10;
  model.max_positions = 64;
  model.dense_intermediate = 12;
  model.attention.heads = 4;
  model.attention.kv_heads = 2;
  model.attention.head_dim = 2;
  model.moe.experts = 4;
  model.moe.top_k = 2;
  model.moe.intermediate = 5;
  model.moe.shared_intermediate = 6;
  model.layers = {{false, 0}, {true, 3}};
  return model;
}

Architecture small_latent() {
  auto model = small_grouped_query();
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

std::int64_t parameters_of(const Architecture& model, Part part) {
  for (const auto& size : sizes_by_part(model, {}))
    if (size.part == part) return size.parameters;
  return 0;
}

TEST(ArchitectureSize, CountsAGroupedQueryMoeModelWorkedOutByHand) {
  const auto model = small_grouped_query();
  EXPECT_EQ(parameters_of(model, Part::kEmbedding), 80);
  EXPECT_EQ(parameters_of(model, Part::kLmHead), 80);
  // Q 8x8, K 8x4, V 8x4, O 8x8, in two layers
  EXPECT_EQ(parameters_of(model, Part::kAttention), 2 * (64 + 32 + 32 + 64));
  EXPECT_EQ(parameters_of(model, Part::kDense), 3 * 8 * 12);
  EXPECT_EQ(parameters_of(model, Part::kRouter), 8 * 4);
  EXPECT_EQ(parameters_of(model, Part::kExperts), 4 * 3 * 8 * 5);
  EXPECT_EQ(parameters_of(model, Part::kShared), 3 * 8 * 6);
  EXPECT_EQ(parameters_of(model, Part::kVectors), 2 * 2 * 8 + 8);
  const auto count = count_parameters(model);
  EXPECT_EQ(count.total, 160 + 384 + 288 + 32 + 480 + 144 + 40);
  EXPECT_EQ(count.active, count.total - 2 * 120) << "two of four experts are idle";
}

TEST(ArchitectureSize, CountsBiasesNormsAndSinksAsVectors) {
  auto model = small_grouped_query();
  const auto plain = parameters_of(model, Part::kVectors);
  model.attention.qkv_bias = model.attention.output_bias = model.attention.sinks = true;
  model.attention.qk_norm = true;
  EXPECT_EQ(parameters_of(model, Part::kVectors), plain + 2 * ((8 + 4 + 4) + 8 + 4 + 2 * 2));
  model.attention.qk_norm_whole = true;
  EXPECT_EQ(parameters_of(model, Part::kVectors), plain + 2 * ((8 + 4 + 4) + 8 + 4 + (8 + 4)));
  model.moe.router_bias = model.moe.expert_bias = true;
  const auto biases = 4 + 4 * (2 * 5 + 8);
  EXPECT_EQ(parameters_of(model, Part::kVectors), plain + 2 * 40 + biases);
  const auto count = count_parameters(model);
  EXPECT_EQ(count.total - count.active, 2 * (120 + 2 * 5 + 8)) << "idle experts with their biases";
}

TEST(ArchitectureSize, CountsMultiHeadLatentAttentionWorkedOutByHand) {
  auto model = small_latent();
  const auto query = 8 * 3 + 3 * 4 * (2 + 1);
  const auto rest = 8 * (5 + 1) + 5 * 4 * (2 + 6) + 4 * 6 * 8;
  EXPECT_EQ(attention_parameters(model), query + rest);
  EXPECT_EQ(parameters_of(model, Part::kVectors), 40 + 2 * (3 + 5))
      << "with the norms of both latents";
  model.attention.q_lora_rank = 0;
  EXPECT_EQ(attention_parameters(model), 8 * 4 * (2 + 1) + rest);
}

TEST(ArchitectureSize, CountsTheEmbeddingOnceWhenItIsTied) {
  auto model = small_grouped_query();
  const auto untied = count_parameters(model).total;
  model.tied_embeddings = true;
  EXPECT_EQ(count_parameters(model).total, untied - 80);
}

TEST(ArchitectureSize, GivesDecoderLayersOfAnEncoderDecoderACrossAttention) {
  auto model = small_grouped_query();
  model.moe = {};
  model.layers = {{}};
  const auto decoder_only = count_parameters(model).total;
  model.encoder_layers = {{}};
  // encoder layer: attention 192, feed-forward 288, norms 16, final norm 8; cross-attention 192 and
  // its norm 8
  EXPECT_EQ(count_parameters(model).total, decoder_only + 192 + 288 + 16 + 8 + 192 + 8);
}

TEST(ArchitectureSize, GivesEveryPartTheBytesOfItsDtype) {
  const auto model = small_grouped_query();
  Precision precision;
  precision.experts = Dtype::mxfp4;
  precision.embedding = Dtype::fp32;
  for (const auto& part : sizes_by_part(model, precision)) {
    const double bits =
        part.part == Part::kExperts ? 4.25
        : part.part == Part::kEmbedding || part.part == Part::kLmHead || part.part == Part::kVectors
            ? 32
            : 16;
    EXPECT_DOUBLE_EQ(part.bytes.value, static_cast<double>(part.parameters) * bits / 8)
        << name_of(part.part);
  }
  EXPECT_DOUBLE_EQ(expert_bytes(model, precision).value, 120 * 4.25 / 8);
}

TEST(ArchitectureSize, CachesKeysAndValuesOfGroupedQueryAttention) {
  const auto model = small_grouped_query();
  EXPECT_DOUBLE_EQ(layer_kv_bytes_per_token(model, {}).value, 2 * 2 * 2 * 2);
  EXPECT_DOUBLE_EQ(kv_bytes_per_token(model, {}).value, 2 * 16);
  Precision fp8;
  fp8.kv_cache = Dtype::fp8;
  EXPECT_DOUBLE_EQ(kv_bytes_per_token(model, fp8).value, 16) << "no block scales in a cache";
}

TEST(ArchitectureSize, CachesOnlyTheLatentAndTheRotaryKeyOfLatentAttention) {
  EXPECT_DOUBLE_EQ(layer_kv_bytes_per_token(small_latent(), {}).value, (5 + 1) * 2);
}

TEST(ArchitectureSize, LetsAWindowLimitTheCachedTokens) {
  const auto model = small_grouped_query();  // one full layer, one with a window of 3
  EXPECT_DOUBLE_EQ(kv_bytes(model, {}, 2).value, 16 * (2 + 2));
  EXPECT_DOUBLE_EQ(kv_bytes(model, {}, 10).value, 16 * (10 + 3));
}

// DeepSeek-V2, arXiv 2405.04434 table 1: MLA caches 4.5 x head dimension x layers values; V3 keeps
// those dimensions.
TEST(ArchitectureSize, CachesSeventyKilobytesPerTokenOfDeepSeekV3) {
  const auto model = load_model("deepseek-v3");
  EXPECT_DOUBLE_EQ(kv_bytes_per_token(model.architecture, model.precision).value,
                   4.5 * 128 * 61 * 2);
}

// gpt-oss model card, arXiv 2508.10925 table 1: checkpoints of 60.8 GiB and 12.8 GiB.
TEST(ArchitectureSize, GivesGptOssTheSizeOfItsCheckpoints) {
  const double gib = 1024.0 * 1024 * 1024;
  const auto large = load_model("gpt-oss-120b"), small = load_model("gpt-oss-20b");
  EXPECT_NEAR(weight_bytes(large.architecture, large.precision).value / gib, 60.8, 0.1);
  EXPECT_NEAR(weight_bytes(small.architecture, small.precision).value / gib, 12.8, 0.1);
}

// total_size in model.safetensors.index.json of https://huggingface.co/moonshotai/Kimi-K2-Instruct,
// checked 2026-11: fp8 blocks with their scales, the rest bf16 and fp32.
TEST(ArchitectureSize, GivesKimiK2TheSizeOfItsCheckpoint) {
  const auto model = load_model("kimi-k2");
  EXPECT_NEAR(weight_bytes(model.architecture, model.precision).value / 1'029'173'256'720.0, 1,
              0.0005);
}

class ShippedModel : public ::testing::TestWithParam<std::string> {};

double counted_active(const Model& model) {
  const auto table = static_cast<double>(model.architecture.vocabulary * model.architecture.hidden);
  const auto active = static_cast<double>(count_parameters(model.architecture).active);
  switch (model.published->active_counts) {
    case ActiveCounts::kAll:
      return active;
    case ActiveCounts::kWithoutEmbedding:
      return active - table;
    case ActiveCounts::kWithoutEmbeddingAndHead:
      return active - 2 * table;
  }
  return 0;
}

TEST_P(ShippedModel, HasThePublishedNumberOfParameters) {
  const auto model = load_model(GetParam());
  ASSERT_TRUE(model.published.has_value());
  const auto published = *model.published;
  const auto total = static_cast<double>(count_parameters(model.architecture).total);
  EXPECT_NEAR(total, published.total_parameters, 0.01 * published.total_parameters);
  if (!published.active_parameters) return;
  const double tolerance =
      std::max(0.01 * *published.active_parameters, published.active_rounding.value_or(0));
  EXPECT_NEAR(counted_active(model), *published.active_parameters, tolerance);
}

TEST_P(ShippedModel, NamesASourceWithAddressAndDate) {
  const auto model = load_model(GetParam());
  EXPECT_EQ(model.architecture.name, GetParam());
  ASSERT_FALSE(model.architecture.sources.empty());
  for (const auto& source : model.architecture.sources) {
    EXPECT_NE(source.find("https://"), std::string::npos) << source;
    EXPECT_TRUE(source.ends_with(')') && source.find(" (20") != std::string::npos) << source;
  }
}

INSTANTIATE_TEST_SUITE_P(Catalog, ShippedModel, ::testing::ValuesIn(model_names()),
                         [](const auto& test) {
                           auto name = test.param;
                           std::ranges::replace_if(
                               name, [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

struct ExactCount {
  const char* name;
  std::int64_t parameters;
};

// Counts of the safetensors files as the models' pages on huggingface.co state them, checked
// 2026-11 (bf16 checkpoints, which hold no scales).
TEST(ArchitectureSize, CountsTheTensorsOfPublishedCheckpointsExactly) {
  const std::vector<ExactCount> checkpoints{
      {"llama-3.1-8b", 8'030'261'248},     {"llama-3.1-70b", 70'553'706'496},
      {"qwen3-30b-a3b", 30'532'122'624},   {"qwen3-235b-a22b", 235'093'634'560},
      {"qwen3-32b", 32'762'123'264},       {"mixtral-8x7b", 46'702'792'704},
      {"olmoe-1b-7b", 6'919'161'856},      {"qwen1.5-moe-a2.7b", 14'315'784'192},
      {"deepseek-v2-lite", 15'706'484'224}};
  for (const auto& [name, parameters] : checkpoints)
    EXPECT_EQ(count_parameters(load_model(name).architecture).total, parameters) << name;
}

}  // namespace
}  // namespace moesim
