#include "sim/engine/rank_compute.hpp"

#include <algorithm>

namespace moesim {

AttentionLoad attention_load(const RankBatch& batch, std::int64_t window) {
  AttentionLoad load;
  for (const auto& chunk : batch.chunks) {
    const double q = static_cast<double>(chunk.tokens), c = static_cast<double>(chunk.context);
    const double w = window > 0 ? static_cast<double>(window) : q + c;
    if (chunk.decode()) {
      ++load.decode_sequences;
      load.decode_context += std::min(c + q, w);
      continue;
    }
    // Query i (1..q) sees min(c + i, w) keys.
    const double growing = std::clamp(w - c, 0.0, q);  // queries that the window does not cut
    ++load.prefill_sequences;
    load.prefill_tokens += q;
    load.prefill_pairs += growing * c + growing * (growing + 1) / 2 + (q - growing) * w;
    load.prefill_context += std::min(q + c, q + w);
  }
  return load;
}

RankCompute::RankCompute(const Architecture& model, const Precision& precision,
                         const Layout& layout, const CostModel& cost)
    : model_(model), precision_(precision), cost_(cost), tensor_(layout.degrees().tensor) {
  const auto& a = model.attention;
  shape_.kind = a.kind;
  shape_.heads = a.heads / tensor_;
  shape_.kv_heads = std::max<std::int64_t>(1, a.kv_heads / tensor_);
  shape_.head_dim = a.head_dim;
  shape_.kv_lora_rank = a.kv_lora_rank;
  shape_.qk_nope_head_dim = a.qk_nope_head_dim;
  shape_.qk_rope_head_dim = a.qk_rope_head_dim;
  shape_.v_head_dim = a.v_head_dim;
  shape_.kv = precision.kv_cache;
  shape_.activation = precision.activations;
}

Prediction RankCompute::gemm(std::int64_t m, std::int64_t n, std::int64_t k, Dtype weight) const {
  return remembered(&CostModel::gemm, {m, n, k, weight, precision_.activations});
}

Prediction RankCompute::remembered(Kind kind, const Gemm& gemm) const {
  const auto mixed = static_cast<std::uint64_t>(gemm.m) * 0x9e3779b97f4a7c15 +
                     static_cast<std::uint64_t>(gemm.n) * 0xc2b2ae3d27d4eb4f +
                     static_cast<std::uint64_t>(gemm.k) * 0x165667b19e3779f9;
  auto& asked = asked_[(mixed >> 32) % asked_.size()];
  if (asked.kind != kind || asked.gemm != gemm) asked = {kind, gemm, (cost_.*kind)(gemm)};
  return asked.answer;
}

Time RankCompute::grouped_projections(const RankBatch& batch) const {
  Time time;
  const auto qkv = (shape_.heads + 2 * shape_.kv_heads) * shape_.head_dim;
  time += gemm(batch.tokens, qkv, model_.hidden, precision_.attention);
  time += gemm(batch.tokens, model_.hidden, shape_.heads * shape_.head_dim, precision_.attention);
  return time;
}

// Down-projections of Q and KV are one GEMM, replicated on every tensor rank. The up-projection of
// K and V runs over the new tokens (for decode, in absorbed form, it has the same weights and
// FLOPs) and again over the cached context of prefill chunks, which attend unabsorbed.
Time RankCompute::latent_projections(const RankBatch& batch) const {
  const auto& a = model_.attention;
  const auto query = shape_.heads * (a.qk_nope_head_dim + a.qk_rope_head_dim);
  const auto latent = a.kv_lora_rank + a.qk_rope_head_dim;
  std::int64_t up_tokens = batch.tokens;
  for (const auto& chunk : batch.chunks)
    if (!chunk.decode()) up_tokens += chunk.context;
  Time time;
  if (a.q_lora_rank > 0) {
    time += gemm(batch.tokens, a.q_lora_rank + latent, model_.hidden, precision_.attention);
    time += gemm(batch.tokens, query, a.q_lora_rank, precision_.attention);
  } else {
    time += gemm(batch.tokens, query + latent, model_.hidden, precision_.attention);
  }
  time += gemm(up_tokens, shape_.heads * (a.qk_nope_head_dim + a.v_head_dim), a.kv_lora_rank,
               precision_.attention);
  time += gemm(batch.tokens, model_.hidden, shape_.heads * a.v_head_dim, precision_.attention);
  return time;
}

Time RankCompute::attention(const RankBatch& batch, std::int64_t window) const {
  const bool latent = shape_.kind == AttentionKind::kMultiHeadLatent;
  Time time = latent ? latent_projections(batch) : grouped_projections(batch);
  const auto load = attention_load(batch, window);
  std::int64_t drafted = 0;
  for (const auto& chunk : batch.chunks) drafted = std::max(drafted, chunk.drafted);
  if (drafted == 0) {
    time += cost_.attention(shape_, load);
    return time;
  }
  // The tokens that are verified together read the keys once: more queries per KV head.
  AttentionLoad prefill = load, decode;
  std::swap(prefill.decode_sequences, decode.decode_sequences);
  std::swap(prefill.decode_context, decode.decode_context);
  auto verified = shape_;
  verified.heads *= 1 + drafted;
  time += cost_.attention(shape_, prefill);
  time += cost_.attention(verified, decode);
  return time;
}

Time RankCompute::norms(const RankBatch& batch) const {
  Time time;
  if (batch.tokens == 0) return time;
  // Each reads the block's output and the residual and writes both back.
  const double width =
      static_cast<double>(batch.tokens * model_.hidden) * element_bits(precision_.activations) / 8;
  time += cost_.elementwise(Bytes(2 * 4 * width), 2);
  return time;
}

Time RankCompute::router(const RankBatch& batch) const {
  Time time;
  time += remembered(&CostModel::router, {batch.tokens, model_.moe.experts, model_.hidden,
                                          precision_.router, precision_.activations});
  return time;
}

Time RankCompute::feed_forward(std::int64_t tokens, std::int64_t intermediate, bool gated,
                               Dtype weight) const {
  Time time;
  if (tokens == 0 || intermediate == 0) return time;
  const std::int64_t columns = gated ? 2 * intermediate : intermediate;
  time += gemm(tokens, columns, model_.hidden, weight);
  time += cost_.elementwise(Bytes(static_cast<double>(tokens * (columns + intermediate)) *
                                  element_bits(precision_.activations) / 8),
                            1);
  time += gemm(tokens, model_.hidden, intermediate, weight);
  return time;
}

Time RankCompute::shared_experts(const RankBatch& batch) const {
  return feed_forward(batch.tokens, model_.moe.shared_intermediate / tensor_, model_.moe.gated,
                      precision_.shared);
}

Time RankCompute::dense_ffn(const RankBatch& batch) const {
  return feed_forward(batch.tokens, model_.dense_intermediate / tensor_, model_.dense_gated,
                      precision_.dense);
}

Time RankCompute::small_feed_forward(std::int64_t tokens, std::int64_t intermediate) const {
  return feed_forward(tokens, std::max<std::int64_t>(1, intermediate / tensor_), model_.moe.gated,
                      precision_.experts);
}

Time RankCompute::lm_head(const RankBatch& batch) const {
  Time time;
  if (batch.sampled == 0) return time;
  const double width =
      static_cast<double>(batch.tokens * model_.hidden) * element_bits(precision_.activations) / 8;
  time += cost_.elementwise(Bytes(2 * width), 1);
  time += gemm(batch.sampled, (model_.vocabulary + tensor_ - 1) / tensor_, model_.hidden,
               precision_.embedding);
  return time;
}

}  // namespace moesim
