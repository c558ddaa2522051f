// Import of config.json texts: what is placed where, and how what is wrong or not understood is
// refused.
#include <gtest/gtest.h>

#include "models/architecture/hugging_face.hpp"
#include "models/architecture/size.hpp"
#include "sim/core/error.hpp"
#include "tests/models/text_checks.hpp"

namespace moesim {
namespace {

const std::string kMixtral = R"({
  "model_type": "mixtral",
  "hidden_size": 64, "vocab_size": 100, "max_position_embeddings": 512,
  "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
  "intermediate_size": 96, "num_local_experts": 8, "num_experts_per_tok": 2,
  "rope_theta": 1000000.0, "sliding_window": null, "torch_dtype": "bfloat16"
})";

const std::string kDeepSeek = R"({
  "model_type": "deepseek_v3",
  "hidden_size": 64, "vocab_size": 100, "max_position_embeddings": 512,
  "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4,
  "q_lora_rank": null, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8,
  "intermediate_size": 96, "moe_intermediate_size": 24, "n_routed_experts": 8, "n_shared_experts": 2,
  "num_experts_per_tok": 2, "first_k_dense_replace": 1, "moe_layer_freq": 1, "n_group": 4, "topk_group": 2,
  "topk_method": "noaux_tc", "num_nextn_predict_layers": 1, "routed_scaling_factor": 2.5,
  "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}
})";

Model import(const std::string& text) {
  return read_hugging_face_config(text, "config.json", "test");
}

std::string with_replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string error_of(const std::string& text) {
  try {
    import(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ConfigImport, TakesAMixtralConfigAsItIs) {
  const auto a = import(kMixtral).architecture;
  EXPECT_EQ(a.family, "mixtral");
  EXPECT_EQ(a.hidden, 64);
  EXPECT_EQ(a.layers, (std::vector<Layer>{{true, 0}, {true, 0}}));
  EXPECT_EQ(a.attention.head_dim, 16) << "hidden_size / heads";
  EXPECT_EQ(a.attention.kv_heads, 2);
  EXPECT_EQ(a.moe.experts, 8);
  EXPECT_EQ(a.moe.top_k, 2);
  EXPECT_EQ(a.moe.intermediate, 96);
}

TEST(ConfigImport, TakesLatentAttentionDenseFirstLayersAndGroups) {
  const auto model = import(kDeepSeek);
  const auto& a = model.architecture;
  EXPECT_TRUE(a.attention.latent());
  EXPECT_EQ(a.attention.q_lora_rank, 0);
  EXPECT_EQ(a.attention.kv_lora_rank, 16);
  EXPECT_EQ(a.layers, (std::vector<Layer>{{false, 0}, {true, 0}, {true, 0}}));
  EXPECT_EQ(a.moe.shared_intermediate, 48);
  EXPECT_EQ(a.moe.groups, 4);
  EXPECT_EQ(a.moe.groups_kept, 2);
  EXPECT_TRUE(a.moe.router_bias);
  ASSERT_EQ(model.notes.size(), 1u);
  EXPECT_TRUE(contains(model.notes[0], "multi-token-prediction"));
}

TEST(ConfigImport, TakesPrecisionFromTheQuantisation) {
  const auto p = import(kDeepSeek).precision;
  EXPECT_EQ(p.attention, Dtype::fp8);
  EXPECT_EQ(p.experts, Dtype::fp8);
  EXPECT_EQ(p.embedding, Dtype::bf16);
  EXPECT_EQ(p.router, Dtype::bf16);
  const auto awq = import(with_replaced(
      kMixtral, R"("sliding_window")",
      R"("quantization_config": {"quant_method": "awq", "bits": 4}, "sliding_window")"));
  EXPECT_EQ(awq.precision.experts, Dtype::int4);
  const auto half = import(with_replaced(kMixtral, "bfloat16", "float16"));
  EXPECT_EQ(half.precision.experts, Dtype::fp16);
}

TEST(ConfigImport, LeavesModulesAloneThatTheQuantisationLeavesAlone) {
  const auto text = with_replaced(kMixtral, R"("sliding_window")",
                                  R"("quantization_config": {"quant_method": "compressed-tensors",
      "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 128}}},
      "ignore": ["lm_head", "re:.*self_attn.*"]}, "sliding_window")");
  const auto p = import(text).precision;
  EXPECT_EQ(p.experts, Dtype::int4);
  EXPECT_EQ(p.attention, Dtype::bf16);
}

TEST(ConfigImport, SaysSoWhenTheScalesOfACheckpointDifferFromTheUsual) {
  const auto with = [](const std::string& quantization) {
    return with_replaced(kMixtral, R"("sliding_window")",
                         R"("quantization_config": )" + quantization + R"(, "sliding_window")");
  };
  const auto model = import(with(R"({"quant_method": "gptq", "bits": 4, "group_size": 32})"));
  ASSERT_EQ(model.notes.size(), 1u);
  EXPECT_TRUE(contains(
      model.notes[0], "one scale per 32 int4 values (4.5 bits per value); counted are 4.125 bits"));
  const std::string mixed = R"({"quant_method": "compressed-tensors", "config_groups": {
    "group_0": {"weights": {"num_bits": 8, "type": "float"}}, "group_1": {"weights": {"num_bits": 4}}}})";
  EXPECT_TRUE(contains(error_of(with(mixed)), "'group_1': more than one group"));
  const auto cache = import(with(R"({"quant_method": "modelopt", "quant_algo": "NVFP4",
    "kv_cache_scheme": {"num_bits": 8, "type": "float"}})"));
  EXPECT_EQ(cache.precision.experts, Dtype::nvfp4);
  EXPECT_EQ(cache.precision.kv_cache, Dtype::fp8);
}

TEST(ConfigImport, RefusesAQuantisationItDoesNotKnow) {
  const auto text = with_replaced(kDeepSeek, R"("fp8")", R"("bitnet")");
  EXPECT_TRUE(contains(error_of(text), "'quant_method': 'bitnet' is not supported"));
  EXPECT_TRUE(contains(error_of(text), "fp8"));
}

TEST(ConfigImport, TakesInterleavedLayersAndChunksFromANestedTextConfig) {
  const auto model =
      import(R"({"model_type": "llama4", "vision_config": {"hidden_size": 7}, "text_config": {
    "model_type": "llama4_text", "hidden_size": 64, "vocab_size": 100, "max_position_embeddings": 512,
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
    "intermediate_size": 24, "intermediate_size_mlp": 96, "num_local_experts": 8, "num_experts_per_tok": 1,
    "interleave_moe_layer_step": 2, "attention_chunk_size": 32}})");
  EXPECT_EQ(model.architecture.layers,
            (std::vector<Layer>{{false, 32}, {true, 32}, {false, 32}, {true, 0}}));
  EXPECT_EQ(model.architecture.moe.shared_intermediate, 24);
  EXPECT_EQ(model.architecture.dense_intermediate, 96);
}

TEST(ConfigImport, TakesSlidingWindowsByLayerType) {
  const auto model = import(R"({"model_type": "gpt_oss", "hidden_size": 64, "vocab_size": 100,
    "max_position_embeddings": 512, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 16, "intermediate_size": 24, "num_local_experts": 8, "num_experts_per_tok": 2,
    "layer_types": ["full_attention", "sliding_attention"], "sliding_window": 128,
    "quantization_config": {"quant_method": "mxfp4"}})");
  EXPECT_EQ(model.architecture.layers, (std::vector<Layer>{{true, 0}, {true, 128}}));
  EXPECT_TRUE(model.architecture.attention.sinks);
  EXPECT_EQ(model.precision.experts, Dtype::mxfp4);
  EXPECT_EQ(model.precision.attention, Dtype::bf16);
}

TEST(ConfigImport, TakesTheEncoderAndDecoderOfSwitch) {
  const auto a =
      import(R"({"model_type": "switch_transformers", "d_model": 768, "d_ff": 3072, "d_kv": 64,
    "num_heads": 12, "num_layers": 12, "num_decoder_layers": 12, "num_experts": 128, "vocab_size": 32128,
    "num_sparse_encoder_layers": 6, "num_sparse_decoder_layers": 6, "is_encoder_decoder": true})")
          .architecture;
  EXPECT_EQ(a.encoder_layers.size(), 12u);
  EXPECT_EQ(a.moe_layers(), 12);
  EXPECT_TRUE(a.encoder_layers[1].moe);
  EXPECT_FALSE(a.encoder_layers[0].moe);
  EXPECT_FALSE(a.moe.gated);
}

TEST(ConfigImport, TakesOlmoeAndGlmAndQwenSpecialities) {
  const std::string frame = R"("hidden_size": 64, "vocab_size": 100, "max_position_embeddings": 512,
    "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96)";
  const auto olmoe = import(
      R"({"model_type": "olmoe", "num_experts": 8, "num_experts_per_tok": 2, )" + frame + "}");
  EXPECT_TRUE(olmoe.architecture.attention.qk_norm_whole);
  EXPECT_EQ(olmoe.architecture.moe.intermediate, 96);
  const auto glm =
      import(R"({"model_type": "glm4_moe", "n_routed_experts": 8, "num_experts_per_tok": 2,
    "moe_intermediate_size": 24, "n_shared_experts": 1, "first_k_dense_replace": 2, "attention_bias": true,
    "use_qk_norm": true, "head_dim": 16, )" +
             frame + "}");
  EXPECT_TRUE(glm.architecture.attention.qkv_bias);
  EXPECT_FALSE(glm.architecture.attention.output_bias);
  EXPECT_TRUE(glm.architecture.attention.qk_norm);
  EXPECT_EQ(glm.architecture.moe_layers(), 1);
  const auto qwen =
      import(R"({"model_type": "qwen2_moe", "num_experts": 8, "num_experts_per_tok": 2,
    "moe_intermediate_size": 24, "shared_expert_intermediate_size": 48, "decoder_sparse_step": 1,
    "mlp_only_layers": [1], "use_sliding_window": false, "sliding_window": 32, )" +
             frame + "}");
  EXPECT_TRUE(qwen.architecture.attention.qkv_bias);
  EXPECT_TRUE(qwen.architecture.moe.shared_gate);
  EXPECT_FALSE(qwen.architecture.layers[1].moe);
  EXPECT_EQ(qwen.architecture.layers[0].window, 0);
}

TEST(ConfigImport, RefusesAnUnknownTypeNamingTheKeysItCouldNotPlace) {
  const auto text = with_replaced(
      with_replaced(kMixtral, "\"mixtral\"", "\"mixtrall\""), R"("sliding_window": null)",
      R"("ssm_state_size": 16, "mamba_num_heads": 4, "attention_dropout": 0.1)");
  const auto error = error_of(text);
  EXPECT_TRUE(begins(
      error, "config.json:2:3: 'model_type': unknown type 'mixtrall'; did you mean 'mixtral'?"));
  EXPECT_TRUE(contains(error, "keys that could not be placed: mamba_num_heads, ssm_state_size;"));
  EXPECT_FALSE(contains(error, "attention_dropout"));
}

TEST(ConfigImport, RefusesAStructuralKeyItDoesNotUnderstandInAKnownType) {
  const auto error =
      error_of(with_replaced(kDeepSeek, R"("v_head_dim")", R"("index_topk": 2048, "v_head_dim")"));
  EXPECT_TRUE(begins(error, "config.json:5:"));
  EXPECT_TRUE(contains(error, "'index_topk': not understood"));
  EXPECT_EQ(
      error_of(with_replaced(kMixtral, R"("sliding_window": null)", R"("my_training_flag": "x")")),
      "no error");
}

TEST(ConfigImport, PointsAtASyntaxError) {
  EXPECT_TRUE(begins(error_of("{\n  \"model_type\": \"llama\",\n  \"hidden_size\": }"),
                     "config.json:3:18: not valid JSON: "));
  EXPECT_TRUE(begins(error_of("{\n  \"rope_theta\": 1e999}"),
                     "config.json:2:17: not valid JSON: the number"));
  EXPECT_TRUE(contains(error_of("[1]"), "expected a JSON object"));
  EXPECT_TRUE(begins(error_of(""), "config.json:1:1: not valid JSON"));
}

struct BadFigure {
  const char* from;
  const char* to;
  const char* key;
};

TEST(ConfigImport, NamesTheKeyThatIsMissingOrSenseless) {
  const std::vector<BadFigure> cases{
      {R"("num_hidden_layers": 2)", R"("num_hidden_layers": 0)",
       "'num_hidden_layers': must be at least 1"},
      {R"("num_hidden_layers": 2)", R"("num_hidden_layers": 2000000000)",
       "'num_hidden_layers': must be at most"},
      {R"("num_hidden_layers": 2)", R"("x": 2)", "missing key 'num_hidden_layers'"},
      {R"("hidden_size": 64)", R"("hidden_size": "64")", "'hidden_size': expected a whole number"},
      {R"("hidden_size": 64)", R"("hidden_size": 64.5)", "'hidden_size': expected a whole number"},
      {R"("hidden_size": 64)", R"("hidden_size": 30)",
       "'num_attention_heads': 4 heads do not divide"},
      {R"("num_key_value_heads": 2)", R"("num_key_value_heads": 3)",
       "'num_key_value_heads': 3 key-value heads"},
      {R"("num_experts_per_tok": 2)", R"("num_experts_per_tok": 9)",
       "'num_experts_per_tok': 9 experts per token"},
      {R"("hidden_size": 64, "vocab_size": 100)",
       R"("hidden_size": 2147483644, "vocab_size": 2147483647)", "more than 1e+17 parameters"},
      {R"("hidden_size": 64)", R"("hidden_size": 18446744073709551615)",
       "'hidden_size': must be at most"},
      {R"("torch_dtype": "bfloat16")", R"("torch_dtype": "float8")",
       "'torch_dtype': 'float8' is not supported"},
      {R"("sliding_window": null)", R"("sliding_window": -5)",
       "'sliding_window': must be at least 0"}};
  for (const auto& bad : cases) {
    const auto error = error_of(with_replaced(kMixtral, bad.from, bad.to));
    EXPECT_TRUE(begins(error, "config.json:"));
    EXPECT_TRUE(contains(error, bad.key));
  }
}

}  // namespace
}  // namespace moesim
