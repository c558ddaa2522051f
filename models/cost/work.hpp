// From what an operation is (Gemm, ExpertWork, attention) to what the forms of tier `fit` take:
// FLOPs, bytes, tiles. One place, so that fitting and predicting cannot disagree.
#pragma once

#include <algorithm>

#include "models/cost/cost_model.hpp"
#include "models/cost/forms.hpp"

namespace moesim {

inline double bytes_of(Dtype dtype) { return element_bits(dtype) / 8; }
inline double stored_bytes_of(Dtype dtype) { return stored_bits(dtype) / 8; }

/// Multiply-adds of one token through one expert [weights].
inline double expert_weights(const ExpertWork& w) {
  return (w.gated ? 3.0 : 2.0) * static_cast<double>(w.hidden) *
         static_cast<double>(w.intermediate);
}

/// How the tokens lie on the local experts.
struct ExpertLoad {
  std::int64_t assigned = 0, active = 0, padded = 0, most = 0;
};

/// `tile` is a power of two.
inline ExpertLoad expert_load(std::span<const std::int32_t> tokens_per_expert, std::int64_t tile) {
  std::int32_t assigned = 0, active = 0, padded = 0, most = 0;
  const auto mask = static_cast<std::int32_t>(tile - 1);
  for (const std::int32_t count : tokens_per_expert) {
    assigned += count;
    active += count > 0;
    padded += (count + mask) & ~mask;
    most = count > most ? count : most;
  }
  return {assigned, active, padded, most};
}

inline ExpertsForm::Work experts_work(const ExpertWork& w, const ExpertLoad& load) {
  const double weights = expert_weights(w), activation = bytes_of(w.activation);
  ExpertsForm::Work work;
  work.local = static_cast<double>(w.tokens_per_expert.size());
  work.flop_per_row = 2 * weights;
  work.padded_rows = static_cast<double>(load.padded);
  work.weight_bytes = weights * stored_bytes_of(w.weight) * static_cast<double>(load.active);
  // Every assigned row is gathered and scattered, its intermediate written and read; every entering
  // token is read and written once.
  work.row_bytes = activation * 2 * static_cast<double>(load.assigned) *
                   static_cast<double>(w.hidden + w.intermediate);
  work.token_bytes = activation * 2 * static_cast<double>(w.tokens * w.hidden);
  return work;
}

/// What a permute or a combine of `rows` assigned rows moves [bytes].
inline double moved_around(std::int64_t tokens, std::int64_t rows, std::int64_t hidden,
                           Dtype activation) {
  return static_cast<double>((tokens + rows) * hidden) * bytes_of(activation);
}

inline GemmForm::Work gemm_work(const Gemm& g) {
  const double m = static_cast<double>(g.m), n = static_cast<double>(g.n),
               k = static_cast<double>(g.k);
  return {m, n, k, n * k * stored_bytes_of(g.weight) + m * (n + k) * bytes_of(g.activation)};
}

/// What a step decodes, as equal sequences of `length` cached tokens each.
struct DecodeSequences {
  double batch = 0, length = 0;
};

inline DecodeSequences decode_sequences(const AttentionLoad& load) {
  const auto batch = static_cast<double>(load.decode_sequences);
  return {batch, load.decode_context / batch};
}

/// What a step prefills, as equal chunks of `queries` new tokens that see `keys` tokens each, their
/// own included.
struct PrefillChunks {
  double batch = 0, queries = 0, keys = 0;
  double prefix() const { return std::max(0.0, keys - queries); }
  /// In a grid of sequences without a prefix: where the last query sees as much.
  double grid_batch() const { return std::max(1.0, batch * queries / keys); }
};

inline PrefillChunks prefill_chunks(const AttentionLoad& load) {
  const auto batch = static_cast<double>(std::max<std::int64_t>(1, load.prefill_sequences));
  const double queries = std::max(1.0, load.prefill_tokens / batch);
  return {batch, queries, std::max(queries, load.prefill_context / batch)};
}

inline DecodeForm::Work decode_work(const AttentionShape& s, const AttentionLoad& load,
                                    const DecodeForm& form) {
  const bool latent = s.kind == AttentionKind::kMultiHeadLatent;
  const auto sequences = decode_sequences(load);
  const auto heads = static_cast<double>(s.heads), kv_heads = static_cast<double>(s.kv_heads),
             dim = static_cast<double>(s.head_dim), rank = static_cast<double>(s.kv_lora_rank),
             rope = static_cast<double>(s.qk_rope_head_dim);
  // MLA decodes absorbed: every head attends to the shared latent (arXiv 2405.04434, 2.1.2).
  const double width = latent ? rank + rope : 2 * kv_heads * dim;
  const double per_pair = latent ? heads * (2 * rank + rope) : heads * 2 * dim;
  const double query = latent ? heads * (2 * rank + rope) : heads * 2 * dim;
  const auto tile = static_cast<double>(form.tile), split = static_cast<double>(form.split);
  const double padded = sequences.batch * tile * ceiling(sequences.length / tile);
  DecodeForm::Work work;
  work.flop = 2 * per_pair * padded;
  work.bytes = width * bytes_of(s.kv) * padded + query * bytes_of(s.activation) * sequences.batch;
  work.heads = sequences.batch * (latent ? 1 : kv_heads);
  work.units = work.heads * std::max(1.0, sequences.length / split);
  return work;
}

inline PrefillForm::Work prefill_work(const AttentionShape& s, const AttentionLoad& load,
                                      const PrefillForm& form) {
  const bool latent = s.kind == AttentionKind::kMultiHeadLatent;
  const auto heads = static_cast<double>(s.heads);
  const double query_key = static_cast<double>(s.qk_nope_head_dim + s.qk_rope_head_dim);
  const double value = static_cast<double>(s.v_head_dim);
  const auto dim = static_cast<double>(s.head_dim);
  const double per_pair = heads * (latent ? query_key + value : 2 * dim);
  const double keys =
      latent ? heads * (query_key + value) : 2 * static_cast<double>(s.kv_heads) * dim;
  const double queries = heads * (latent ? query_key + value : 2 * dim);
  const auto chunks = prefill_chunks(load);
  PrefillForm::Work work;
  // Tiles of queries (smaller ones for short chunks) by as many keys, those on the diagonal whole.
  // The tile of the last queries is the longest; one SM does it alone.
  const auto tile = static_cast<double>(chunks.queries <= 64 ? form.small_tile : form.tile);
  const double rows = tile * ceiling(chunks.queries / tile);
  const double flop_per_pair = 2 * per_pair / heads;
  work.flop = flop_per_pair * heads * chunks.batch * rows * (chunks.prefix() + (rows + tile) / 2);
  work.longest_flop = flop_per_pair * tile * (chunks.prefix() + rows);
  work.bytes = keys * bytes_of(s.kv) * load.prefill_context +
               queries * bytes_of(s.activation) * load.prefill_tokens;
  return work;
}

}  // namespace moesim
