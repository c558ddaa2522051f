#include "models/architecture/size.hpp"

#include <algorithm>

namespace moesim {
namespace {

std::int64_t feed_forward_parameters(std::int64_t hidden, std::int64_t intermediate, bool gated) {
  return (gated ? 3 : 2) * hidden * intermediate;
}

/// Biases, norms on Q, K and the latents, and sinks of one attention block.
std::int64_t attention_vectors(const Architecture& model) {
  const auto& a = model.attention;
  if (a.latent())
    return a.q_lora_rank + a.kv_lora_rank;  // the norms after the two down-projections
  std::int64_t count = 0;
  if (a.qkv_bias) count += (a.heads + 2 * a.kv_heads) * a.head_dim;
  if (a.output_bias) count += model.hidden;
  if (a.qk_norm) count += a.qk_norm_whole ? (a.heads + a.kv_heads) * a.head_dim : 2 * a.head_dim;
  if (a.sinks) count += a.heads;
  return count;
}

std::int64_t expert_bias_parameters(const Architecture& model) {
  if (!model.moe.expert_bias) return 0;
  return (model.moe.gated ? 2 : 1) * model.moe.intermediate + model.hidden;
}

Bytes stored_bytes(std::int64_t parameters, Dtype dtype) {
  return Bytes(static_cast<double>(parameters) * stored_bits(dtype) / 8);
}

Dtype dtype_of(Part part, const Precision& precision) {
  switch (part) {
    case Part::kAttention:
      return precision.attention;
    case Part::kDense:
      return precision.dense;
    case Part::kRouter:
      return precision.router;
    case Part::kExperts:
      return precision.experts;
    case Part::kShared:
      return precision.shared;
    case Part::kEmbedding:
    case Part::kVectors:
    case Part::kLmHead:
      return precision.embedding;
  }
  return precision.embedding;
}

}  // namespace

const std::vector<std::string>& names_of(Part) {
  static const std::vector<std::string> names{
      "embedding",      "attention",      "dense feed-forward", "router",
      "routed experts", "shared experts", "norms and biases",   "LM head"};
  return names;
}

std::int64_t attention_parameters(const Architecture& model) {
  const auto& a = model.attention;
  if (!a.latent()) return 2 * model.hidden * a.head_dim * (a.heads + a.kv_heads);
  const auto query_dim = a.heads * (a.qk_nope_head_dim + a.qk_rope_head_dim);
  const auto query =
      a.q_lora_rank > 0 ? a.q_lora_rank * (model.hidden + query_dim) : model.hidden * query_dim;
  const auto down = model.hidden * (a.kv_lora_rank + a.qk_rope_head_dim);
  const auto up = a.kv_lora_rank * a.heads * (a.qk_nope_head_dim + a.v_head_dim);
  return query + down + up + a.heads * a.v_head_dim * model.hidden;
}

std::int64_t expert_parameters(const Architecture& model) {
  return feed_forward_parameters(model.hidden, model.moe.intermediate, model.moe.gated);
}

LayerParameters layer_parameters(const Architecture& model, const Layer& layer, Stack stack) {
  LayerParameters p;
  const int attentions = stack == Stack::kDecoder && model.encoder_decoder() ? 2 : 1;
  p.attention = attentions * attention_parameters(model);
  p.vectors = attentions * (attention_vectors(model) + model.hidden) +
              model.hidden;  // a norm before each block
  p.active_vectors = p.vectors;
  if (!layer.moe) {
    p.dense = feed_forward_parameters(model.hidden, model.dense_intermediate, model.dense_gated);
    return p;
  }
  const auto& moe = model.moe;
  p.router = model.hidden * moe.experts;
  p.experts = moe.experts * expert_parameters(model);
  p.active_experts = moe.top_k * expert_parameters(model);
  p.shared = feed_forward_parameters(model.hidden, moe.shared_intermediate, moe.gated);
  if (moe.shared_gate) p.shared += model.hidden;
  const auto router_bias = moe.router_bias ? moe.experts : 0;
  p.vectors += router_bias + moe.experts * expert_bias_parameters(model);
  p.active_vectors += router_bias + moe.top_k * expert_bias_parameters(model);
  return p;
}

std::vector<PartSize> sizes_by_part(const Architecture& model, const Precision& precision) {
  std::vector<PartSize> parts(names_of(Part{}).size());
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i].part = static_cast<Part>(i);
  const auto add = [&](Part part, std::int64_t total, std::int64_t active) {
    parts[static_cast<std::size_t>(part)].parameters += total;
    parts[static_cast<std::size_t>(part)].active += active;
  };
  const auto add_stack = [&](const std::vector<Layer>& layers, Stack stack) {
    for (const auto& layer : layers) {
      const auto p = layer_parameters(model, layer, stack);
      add(Part::kAttention, p.attention, p.attention);
      add(Part::kDense, p.dense, p.dense);
      add(Part::kRouter, p.router, p.router);
      add(Part::kExperts, p.experts, p.active_experts);
      add(Part::kShared, p.shared, p.shared);
      add(Part::kVectors, p.vectors, p.active_vectors);
    }
    if (!layers.empty())
      add(Part::kVectors, model.hidden, model.hidden);  // the norm after the last layer
  };
  const auto table = model.vocabulary * model.hidden;
  add(Part::kEmbedding, table, table);
  if (!model.tied_embeddings) add(Part::kLmHead, table, table);
  add_stack(model.encoder_layers, Stack::kEncoder);
  add_stack(model.layers, Stack::kDecoder);
  std::erase_if(parts, [](const PartSize& part) { return part.parameters == 0; });
  for (auto& part : parts) {
    part.dtype = dtype_of(part.part, precision);
    part.bytes = stored_bytes(part.parameters, part.dtype);
  }
  return parts;
}

ParameterCount count_parameters(const Architecture& model) {
  ParameterCount count;
  for (const auto& part : sizes_by_part(model, {})) {
    count.total += part.parameters;
    count.active += part.active;
  }
  return count;
}

Bytes weight_bytes(const Architecture& model, const Precision& precision) {
  Bytes sum;
  for (const auto& part : sizes_by_part(model, precision)) sum += part.bytes;
  return sum;
}

Bytes expert_bytes(const Architecture& model, const Precision& precision) {
  return stored_bytes(expert_parameters(model), precision.experts);
}

Bytes layer_kv_bytes_per_token(const Architecture& model, const Precision& precision) {
  const auto& a = model.attention;
  const auto values =
      a.latent() ? a.kv_lora_rank + a.qk_rope_head_dim : 2 * a.kv_heads * a.head_dim;
  return Bytes(static_cast<double>(values) * element_bits(precision.kv_cache) / 8);
}

Bytes kv_bytes_per_token(const Architecture& model, const Precision& precision) {
  return layer_kv_bytes_per_token(model, precision) * static_cast<double>(model.layers.size());
}

Bytes kv_bytes(const Architecture& model, const Precision& precision, std::int64_t context) {
  std::int64_t cached_tokens = 0;
  for (const auto& layer : model.layers)
    cached_tokens += layer.window > 0 ? std::min(context, layer.window) : context;
  return layer_kv_bytes_per_token(model, precision) * static_cast<double>(cached_tokens);
}

}  // namespace moesim
