// From what an operation is (Gemm, ExpertWork, attention) to what the forms of tier `fit` take:
// FLOPs, bytes, tiles. One place, so that fitting and predicting cannot disagree.
#pragma once

#include <algorithm>
#include <cmath>

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
  work.row_bytes =
      activation * 2 * static_cast<double>(load.assigned) * static_cast<double>(w.hidden + w.intermediate);
  work.token_bytes = activation * 2 * static_cast<double>(w.tokens * w.hidden);
  return work;
}

inline GemmForm::Work gemm_work(const Gemm& g) {
  const double m = static_cast<double>(g.m), n = static_cast<double>(g.n),
               k = static_cast<double>(g.k);
  return {m, n, k, n * k * stored_bytes_of(g.weight) + m * (n + k) * bytes_of(g.activation)};
}

/// The same number of equal sequences: what decodes has `batch` sequences of `length` cached tokens,
/// what prefills `batch` chunks of `length` new tokens.
struct EqualSequences {
  double batch = 0, length = 0;
};

inline EqualSequences decode_sequences(const AttentionLoad& load) {
  const auto batch = static_cast<double>(load.decode_sequences);
  return {batch, load.decode_context / batch};
}

/// Chunks of q tokens over a context c have q c + q (q + 1) / 2 pairs; equal full causal chunks with
/// the same tokens and pairs stand for them.
inline EqualSequences prefill_sequences(const AttentionLoad& load) {
  const double length = std::max(1.0, 2 * load.prefill_pairs / load.prefill_tokens - 1);
  return {load.prefill_tokens / length, length};
}

inline DecodeForm::Work decode_work(const AttentionShape& s, const AttentionLoad& load) {
  const bool latent = s.kind == AttentionKind::kMultiHeadLatent;
  const auto sequences = decode_sequences(load);
  const auto heads = static_cast<double>(s.heads), kv_heads = static_cast<double>(s.kv_heads),
             dim = static_cast<double>(s.head_dim),
             rank = static_cast<double>(s.kv_lora_rank),
             rope = static_cast<double>(s.qk_rope_head_dim);
  // MLA decodes absorbed: every head attends to the shared latent (arXiv 2405.04434, 2.1.2).
  const double width = latent ? rank + rope : 2 * kv_heads * dim;
  const double per_pair = latent ? heads * (2 * rank + rope) : heads * 2 * dim;
  const double query = latent ? heads * (2 * rank + rope) : heads * 2 * dim;
  DecodeForm::Work work;
  work.flop = 2 * per_pair * load.decode_context;
  work.bytes = width * bytes_of(s.kv) * load.decode_context +
               query * bytes_of(s.activation) * sequences.batch;
  work.heads = sequences.batch * (latent ? 1 : kv_heads);
  work.units = work.heads * std::ceil(sequences.length / 256);
  return work;
}

inline PrefillForm::Work prefill_work(const AttentionShape& s, const AttentionLoad& load) {
  const bool latent = s.kind == AttentionKind::kMultiHeadLatent;
  const auto heads = static_cast<double>(s.heads);
  const double query_key = static_cast<double>(s.qk_nope_head_dim + s.qk_rope_head_dim);
  const double value = static_cast<double>(s.v_head_dim);
  const auto dim = static_cast<double>(s.head_dim);
  const double per_pair = heads * (latent ? query_key + value : 2 * dim);
  const double keys = latent ? heads * (query_key + value)
                             : 2 * static_cast<double>(s.kv_heads) * dim;
  const double queries = heads * (latent ? query_key + value : 2 * dim);
  const auto sequences = prefill_sequences(load);
  PrefillForm::Work work;
  // Tiles of 128 queries by 128 keys, those on the diagonal whole. The tile of the last queries is
  // the longest; one SM does it alone.
  const double rows = 128 * std::ceil(sequences.length / 128);
  const double tile_pairs = 2 * per_pair / heads * 128;
  work.flop = tile_pairs / 128 * heads * sequences.batch * rows * (rows + 128) / 2;
  work.longest_flop = tile_pairs * rows;
  work.bytes = keys * bytes_of(s.kv) * load.prefill_context +
               queries * bytes_of(s.activation) * load.prefill_tokens;
  return work;
}

}  // namespace moesim
