// Switch Transformers: an encoder-decoder whose every n-th feed-forward is an MoE layer with top-1
// routing. Meanings of the keys: SwitchTransformersConfig and SwitchTransformersStack of Hugging
// Face Transformers 4.57.
#include <fmt/format.h>

#include "models/architecture/families.hpp"

namespace moesim {
namespace {

/// SwitchTransformersStack: layer l of a stack with n sparse layers is sparse when l % (layers / n)
/// == 1.
std::vector<Layer> switch_layers(std::int64_t count, std::int64_t sparse) {
  std::vector<Layer> layers(static_cast<std::size_t>(count));
  const auto step = sparse > 0 ? count / sparse : 0;
  for (std::size_t l = 0; l < layers.size(); ++l)
    layers[l].moe = step == 1 || (step > 1 && static_cast<std::int64_t>(l) % step == 1);
  return layers;
}

std::int64_t layer_count(ConfigReader& config, const std::string& key, std::int64_t count) {
  if (count > 10000) throw config.error(key, fmt::format("must be at most 10000, found {}", count));
  return count;
}

}  // namespace

void import_switch(ConfigReader& config, ConfigImport& import) {
  auto& a = import.model.architecture;
  import.place(config, "d_model", "hidden", a.hidden);
  import.place(config, "vocab_size", "vocabulary", a.vocabulary);
  a.tied_embeddings = config.flag_or("tie_word_embeddings", true);
  // Relative positions have no bound; n_positions is the length of training.
  a.max_positions = config.integer_or("n_positions", 512, 1);
  import.place(config, "num_heads", "attention.heads", a.attention.heads);
  a.attention.kv_heads = a.attention.heads;
  import.place(config, "d_kv", "attention.head_dim", a.attention.head_dim);
  import.place(config, "d_ff", "dense_intermediate", a.dense_intermediate);
  import.place(config, "num_experts", "moe.experts", a.moe.experts);
  a.moe.top_k = config.integer_or("num_selected_experts", 1, 1);
  a.moe.intermediate = a.dense_intermediate;
  const auto activation = config.text_or("feed_forward_proj", "relu");
  a.dense_gated = config.flag_or("is_gated_act", activation.starts_with("gated-"));
  a.moe.gated = a.dense_gated;
  a.moe.router_bias = config.flag_or("router_bias", false);

  std::int64_t encoder = 0;
  import.place(config, "num_layers", "layers.count", encoder);
  const auto decoder = config.integer_or("num_decoder_layers", encoder, 1);
  const auto encoder_sparse = config.integer_or("num_sparse_encoder_layers", 3);
  const auto decoder_sparse = config.integer_or("num_sparse_decoder_layers", 3);
  a.encoder_layers = switch_layers(layer_count(config, "num_layers", encoder), encoder_sparse);
  a.layers = switch_layers(layer_count(config, "num_decoder_layers", decoder), decoder_sparse);
  config.ignore({"encoder_sparse_step", "decoder_sparse_step", "expert_capacity",
                 "batch_prioritized_routing", "relative_attention_num_buckets",
                 "relative_attention_max_distance", "dense_act_fn", "is_encoder_decoder",
                 "router_type", "router_dtype", "add_router_probs"});
}

}  // namespace moesim
