// DeepSeek-V2, DeepSeek-V3 and Kimi-K2: multi-head latent attention, shared experts, dense first
// layers. Meanings of the keys: configuration_deepseek.py of
// https://huggingface.co/deepseek-ai/DeepSeek-V3 and DeepSeek-V2-Lite.
#include "models/architecture/families.hpp"

namespace moesim {

void import_deepseek(ConfigReader& config, ConfigImport& import) {
  auto& a = import.model.architecture;
  place_frame(config, import);
  a.attention.kind = AttentionKind::kMultiHeadLatent;
  import.place(config, "num_attention_heads", "attention.heads", a.attention.heads);
  import.place(config, "kv_lora_rank", "attention.kv_lora_rank", a.attention.kv_lora_rank);
  import.place(config, "qk_nope_head_dim", "attention.qk_nope_head_dim",
               a.attention.qk_nope_head_dim);
  import.place(config, "qk_rope_head_dim", "attention.qk_rope_head_dim",
               a.attention.qk_rope_head_dim);
  import.place(config, "v_head_dim", "attention.v_head_dim", a.attention.v_head_dim);
  a.attention.q_lora_rank = config.integer_or("q_lora_rank", 0);
  a.attention.kv_heads = a.attention.heads;
  config.ignore({"num_key_value_heads", "head_dim", "qk_head_dim"});  // follow from the others
  if (config.flag_or("attention_bias", false))
    throw config.error("attention_bias", "true is not supported for this model_type");

  import.place(config, "intermediate_size", "dense_intermediate", a.dense_intermediate);
  import.place(config, "n_routed_experts", "moe.experts", a.moe.experts);
  import.place(config, "num_experts_per_tok", "moe.top_k", a.moe.top_k);
  import.place(config, "moe_intermediate_size", "moe.intermediate", a.moe.intermediate);
  a.moe.shared_intermediate = config.integer_or("n_shared_experts", 0) * a.moe.intermediate;
  // noaux_tc: the bias that keeps experts in balance without an auxiliary loss (arXiv 2412.19437
  // section 2.1.2)
  const auto method =
      config.text_or("topk_method", a.family == "deepseek_v2" ? "greedy" : "noaux_tc");
  a.moe.router_bias = method == "noaux_tc";
  import.key_of["moe.groups"] = "n_group";
  import.key_of["moe.groups_kept"] = "topk_group";
  // "greedy" does not look at the groups, whatever the keys say
  a.moe.groups = config.integer_or("n_group", 1, 1);
  a.moe.groups_kept = config.integer_or("topk_group", 1, 1);
  if (method == "greedy") a.moe.groups = a.moe.groups_kept = 1;
  const auto dense_first = config.integer_or("first_k_dense_replace", 0);
  const auto every = config.integer_or("moe_layer_freq", 1, 1);
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    const auto number = static_cast<std::int64_t>(l);
    a.layers[l].moe = number >= dense_first && number % every == 0;
  }
  config.ignore({"ep_size"});
  if (config.integer_or("num_nextn_predict_layers", 0) > 0)
    import.model.notes.push_back("The multi-token-prediction module is left out.");
}

}  // namespace moesim
