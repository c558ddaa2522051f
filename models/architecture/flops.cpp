#include "models/architecture/flops.hpp"

#include <algorithm>

#include "models/architecture/size.hpp"

namespace moesim {
namespace {

/// Multiply-adds of one query token with one context token, over all heads: scores, then weighted
/// values.
std::int64_t pair_products(const Attention& a, bool absorbed) {
  if (!a.latent()) return 2 * a.heads * a.head_dim;
  if (absorbed) return a.heads * (2 * a.kv_lora_rank + a.qk_rope_head_dim);
  return a.heads * (a.qk_nope_head_dim + a.qk_rope_head_dim + a.v_head_dim);
}

/// Query-context pairs of a causal sequence: sum of min(i, window) over i = 1..tokens.
double causal_pairs(std::int64_t tokens, std::int64_t window) {
  const auto n = static_cast<double>(tokens);
  if (window == 0 || window >= tokens) return n * (n + 1) / 2;
  const auto w = static_cast<double>(window);
  return w * (w + 1) / 2 + (n - w) * w;
}

Flop matrix_flops(std::int64_t parameters, double tokens = 1) {
  return Flop(2 * static_cast<double>(parameters) * tokens);
}

Flop pair_flops(const Architecture& model, double pairs, bool absorbed) {
  return Flop(2 * static_cast<double>(pair_products(model.attention, absorbed)) * pairs);
}

/// K and V projections of one cross-attention: of the source, done once.
std::int64_t cross_key_value_parameters(const Architecture& model) {
  return model.encoder_decoder()
             ? 2 * model.hidden * model.attention.kv_heads * model.attention.head_dim
             : 0;
}

}  // namespace

TokenFlops decode_flops(const Architecture& model, std::int64_t context) {
  TokenFlops flops;
  for (const auto& layer : model.layers) {
    const auto p = layer_parameters(model, layer);
    flops.linear += matrix_flops(p.active_matrices() - cross_key_value_parameters(model));
    const auto seen = layer.window > 0 ? std::min(context, layer.window) : context;
    flops.attention += pair_flops(model, static_cast<double>(seen), true);
    if (model.encoder_decoder())
      flops.attention += pair_flops(model, static_cast<double>(context), true);
  }
  flops.linear += matrix_flops(model.vocabulary * model.hidden);
  return flops;
}

TokenFlops forward_flops(const Architecture& model, std::int64_t tokens, std::int64_t logits) {
  TokenFlops flops;
  const auto n = static_cast<double>(tokens);
  for (const auto& layer : model.encoder_layers) {
    flops.linear +=
        matrix_flops(layer_parameters(model, layer, Stack::kEncoder).active_matrices(), n);
    flops.attention += pair_flops(model, n * n, false);
  }
  for (const auto& layer : model.layers) {
    flops.linear += matrix_flops(layer_parameters(model, layer).active_matrices(), n);
    flops.attention += pair_flops(model, causal_pairs(tokens, layer.window), false);
    if (model.encoder_decoder()) flops.attention += pair_flops(model, n * n, false);
  }
  flops.linear += matrix_flops(model.vocabulary * model.hidden, static_cast<double>(logits));
  return flops;
}

}  // namespace moesim
