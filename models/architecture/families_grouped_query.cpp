// Grouped-query families. Meanings of the keys: the configuration and modelling classes of each
// model_type in Hugging Face Transformers 4.57,
// https://github.com/huggingface/transformers/tree/v4.57.0/src/transformers/models.
#include <fmt/format.h>

#include <algorithm>

#include "models/architecture/families.hpp"

namespace moesim {
namespace {

constexpr std::int64_t kMostLayers = 10000;

/// Heads of grouped-query attention; head_dim is hidden_size / heads where the config has none.
void place_heads(ConfigReader& config, ConfigImport& import) {
  auto& a = import.model.architecture.attention;
  import.place(config, "num_attention_heads", "attention.heads", a.heads);
  import.key_of["attention.kv_heads"] = "num_key_value_heads";
  a.kv_heads = config.integer_or("num_key_value_heads", a.heads, 1);
  import.key_of["attention.head_dim"] = "head_dim";
  const auto hidden = import.model.architecture.hidden;
  if (!config.has("head_dim") && hidden % a.heads != 0)
    throw config.error("num_attention_heads",
                       fmt::format("{} heads do not divide hidden_size {}", a.heads, hidden));
  a.head_dim = config.integer_or("head_dim", hidden / a.heads, 1);
}

void place_dense(ConfigReader& config, ConfigImport& import, const std::string& key) {
  import.place(config, key, "dense_intermediate", import.model.architecture.dense_intermediate);
}

void place_experts(ConfigReader& config, ConfigImport& import, const std::string& experts_key,
                   const std::string& intermediate_key) {
  auto& moe = import.model.architecture.moe;
  import.place(config, experts_key, "moe.experts", moe.experts);
  import.place(config, "num_experts_per_tok", "moe.top_k", moe.top_k);
  import.place(config, intermediate_key, "moe.intermediate", moe.intermediate);
}

void make_all_moe(ConfigImport& import) {
  for (auto& layer : import.model.architecture.layers) layer.moe = true;
}

/// Windows of all layers, or by layer_types where the config has them.
void place_windows(ConfigReader& config, ConfigImport& import, std::int64_t window) {
  auto& layers = import.model.architecture.layers;
  const auto types = config.texts("layer_types");
  if (types.empty()) {
    for (auto& layer : layers) layer.window = window;
    return;
  }
  if (types.size() != layers.size())
    throw config.error("layer_types",
                       fmt::format("{} entries for {} layers", types.size(), layers.size()));
  for (std::size_t l = 0; l < layers.size(); ++l) {
    if (types[l] == "full_attention") continue;
    if (types[l] != "sliding_attention" && types[l] != "chunked_attention")
      throw config.error("layer_types",
                         fmt::format("attention of type '{}' is not supported", types[l]));
    if (window == 0)
      throw config.error("layer_types", "layers with a window, but its size is not given");
    layers[l].window = window;
  }
}

/// Qwen2 and its descendants: a window on the layers from max_window_layers on, when it is switched
/// on at all.
void place_qwen_windows(ConfigReader& config, ConfigImport& import) {
  const bool used = config.flag_or("use_sliding_window", false);
  const auto window = config.integer_or("sliding_window", 0);
  const auto first = config.integer_or("max_window_layers", 0);
  if (config.has("layer_types")) return place_windows(config, import, window);
  auto& layers = import.model.architecture.layers;
  for (std::size_t l = 0; l < layers.size(); ++l)
    if (used && static_cast<std::int64_t>(l) >= first) layers[l].window = window;
}

void refuse_true(ConfigReader& config, const std::string& key) {
  if (config.flag_or(key, false))
    throw config.error(key, "true is not supported for this model_type");
}

}  // namespace

void ConfigImport::place(ConfigReader& config, const std::string& key, const std::string& field,
                         std::int64_t& target, std::int64_t minimum) {
  target = config.integer(key, minimum);
  key_of[field] = key;
}

void place_frame(ConfigReader& config, ConfigImport& import) {
  auto& a = import.model.architecture;
  import.place(config, "hidden_size", "hidden", a.hidden);
  import.place(config, "vocab_size", "vocabulary", a.vocabulary);
  import.place(config, "max_position_embeddings", "max_positions", a.max_positions);
  a.tied_embeddings = config.flag_or("tie_word_embeddings", false);
  std::int64_t layers = 0;
  import.place(config, "num_hidden_layers", "layers.count", layers);
  if (layers > kMostLayers)
    throw config.error("num_hidden_layers",
                       fmt::format("must be at most {}, found {}", kMostLayers, layers));
  a.layers.assign(static_cast<std::size_t>(layers), Layer{});
}

void import_dense(ConfigReader& config, ConfigImport& import) {
  auto& a = import.model.architecture;
  place_frame(config, import);
  place_heads(config, import);
  place_dense(config, import, "intermediate_size");
  refuse_true(config, "mlp_bias");
  const bool bias = config.flag_or("attention_bias", false);
  a.attention.qkv_bias = bias || a.family == "qwen2";  // Qwen2 has them always, without a key
  a.attention.output_bias = bias;
  a.attention.qk_norm = a.family == "qwen3";
  if (a.family == "mistral") place_windows(config, import, config.integer_or("sliding_window", 0));
  if (a.family == "qwen2" || a.family == "qwen3") place_qwen_windows(config, import);
}

void import_mixtral(ConfigReader& config, ConfigImport& import) {
  place_frame(config, import);
  place_heads(config, import);
  place_experts(config, import, "num_local_experts", "intermediate_size");
  make_all_moe(import);
  place_windows(config, import, config.integer_or("sliding_window", 0));
}

void import_qwen_moe(ConfigReader& config, ConfigImport& import) {
  auto& a = import.model.architecture;
  place_frame(config, import);
  place_heads(config, import);
  place_dense(config, import, "intermediate_size");
  place_experts(config, import, "num_experts", "moe_intermediate_size");
  const bool qwen2 = a.family == "qwen2_moe";
  const bool bias = config.flag_or("attention_bias", false);
  a.attention.qkv_bias = config.flag_or("qkv_bias", qwen2) || bias;
  a.attention.output_bias = bias;
  a.attention.qk_norm = config.flag_or("use_qk_norm", !qwen2);
  if (qwen2)
    import.place(config, "shared_expert_intermediate_size", "moe.shared_intermediate",
                 a.moe.shared_intermediate);
  a.moe.shared_gate = qwen2;
  const auto step = config.integer_or("decoder_sparse_step", 1, 1);
  const auto dense = config.integers("mlp_only_layers");
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    const auto number = static_cast<std::int64_t>(l);
    a.layers[l].moe = std::ranges::find(dense, number) == dense.end() && (number + 1) % step == 0;
  }
  place_qwen_windows(config, import);
}

void import_olmoe(ConfigReader& config, ConfigImport& import) {
  auto& attention = import.model.architecture.attention;
  place_frame(config, import);
  place_heads(config, import);
  place_experts(config, import, "num_experts", "intermediate_size");
  make_all_moe(import);
  attention.qkv_bias = attention.output_bias = config.flag_or("attention_bias", false);
  attention.qk_norm = attention.qk_norm_whole = true;
}

void import_glm4_moe(ConfigReader& config, ConfigImport& import) {
  auto& a = import.model.architecture;
  place_frame(config, import);
  place_heads(config, import);
  place_dense(config, import, "intermediate_size");
  place_experts(config, import, "n_routed_experts", "moe_intermediate_size");
  a.attention.qkv_bias = config.flag_or("attention_bias", false);
  a.attention.qk_norm = config.flag_or("use_qk_norm", false);
  a.moe.shared_intermediate = config.integer_or("n_shared_experts", 1) * a.moe.intermediate;
  a.moe.router_bias = true;  // e_score_correction_bias
  a.moe.groups = config.integer_or("n_group", 1, 1);
  a.moe.groups_kept = config.integer_or("topk_group", 1, 1);
  import.key_of["moe.groups"] = "n_group";
  import.key_of["moe.groups_kept"] = "topk_group";
  const auto dense_first = config.integer_or("first_k_dense_replace", 1);
  for (std::size_t l = 0; l < a.layers.size(); ++l)
    a.layers[l].moe = static_cast<std::int64_t>(l) >= dense_first;
  if (config.integer_or("num_nextn_predict_layers", 0) > 0)
    import.model.notes.push_back("The multi-token-prediction layers are left out.");
}

void import_minimax_m2(ConfigReader& config, ConfigImport& import) {
  auto& a = import.model.architecture;
  place_frame(config, import);
  place_heads(config, import);
  place_experts(config, import, "num_local_experts", "intermediate_size");
  make_all_moe(import);
  a.attention.qk_norm = config.flag_or("use_qk_norm", true);
  const auto norm = config.text_or("qk_norm_type", "per_layer");
  if (norm != "per_layer")
    throw config.error("qk_norm_type", fmt::format("'{}' is not supported", norm));
  a.attention.qk_norm_whole = a.attention.qk_norm;
  a.moe.router_bias = config.flag_or("use_routing_bias", true);
  a.moe.shared_intermediate = config.integer_or("shared_intermediate_size", 0);
  const auto types = config.integers("attn_type_list");
  if (std::ranges::any_of(types, [](std::int64_t type) { return type != 1; }))
    throw config.error("attn_type_list",
                       "only full attention (1) is supported for this model_type");
  config.ignore({"num_mtp_modules", "mtp_transformer_layers"});
  if (config.flag_or("use_mtp", false))
    import.model.notes.push_back("The multi-token-prediction modules are left out.");
}

void import_gpt_oss(ConfigReader& config, ConfigImport& import) {
  auto& a = import.model.architecture;
  place_frame(config, import);
  place_heads(config, import);
  place_experts(config, import, "num_local_experts", "intermediate_size");
  make_all_moe(import);
  config.ignore({"experts_per_token"});  // the same as num_experts_per_tok
  a.attention.qkv_bias = a.attention.output_bias = config.flag_or("attention_bias", true);
  a.attention.sinks = true;
  a.moe.expert_bias = a.moe.router_bias = true;
  const auto window = config.integer_or("sliding_window", 0);
  if (config.has("layer_types")) return place_windows(config, import, window);
  for (std::size_t l = 0; l < a.layers.size(); l += 2) a.layers[l].window = window;
}

void import_llama4(ConfigReader& config, ConfigImport& import) {
  auto& a = import.model.architecture;
  place_frame(config, import);
  place_heads(config, import);
  place_dense(config, import, "intermediate_size_mlp");
  place_experts(config, import, "num_local_experts", "intermediate_size");
  a.moe.shared_intermediate = a.moe.intermediate;  // one shared expert of the routed ones' size
  refuse_true(config, "attention_bias");
  config.flag_or("use_qk_norm", true);  // its norm has no weights
  const auto step = config.integer_or("interleave_moe_layer_step", 1, 1);
  const auto moe_layers = config.integers("moe_layers");
  const auto chunk = config.integer_or("attention_chunk_size", 0);
  const auto interval = config.integer_or("no_rope_layer_interval", 4, 1);
  const auto rope =
      config.integers("no_rope_layers");  // in spite of its name, 1 means: rotary, chunked
  if (!rope.empty() && rope.size() != a.layers.size())
    throw config.error("no_rope_layers",
                       fmt::format("{} entries for {} layers", rope.size(), a.layers.size()));
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    const auto number = static_cast<std::int64_t>(l);
    a.layers[l].moe = moe_layers.empty()
                          ? (number + 1) % step == 0
                          : std::ranges::find(moe_layers, number) != moe_layers.end();
    const bool chunked = rope.empty() ? (number + 1) % interval != 0 : rope[l] != 0;
    a.layers[l].window = chunked ? chunk : 0;
  }
  config.texts("layer_types");  // derived from the same rule
  config.ignore({"attn_temperature_tuning", "attn_scale", "floor_scale", "for_llm_compressor"});
  import.model.notes.push_back("The vision tower is left out.");
}

}  // namespace moesim
