// What a transformer is made of: enough to count its parameters, bytes and FLOPs, and to cost a
// step of it. Layer by layer, so that dense first layers, interleaved MoE layers and sliding
// windows are plain data. Knows no time and no device. Not modelled: positional encodings, dropout,
// multi-token-prediction modules, vision towers, anything without weights or FLOPs of note.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace moesim {

enum class AttentionKind { kGroupedQuery, kMultiHeadLatent };
/// "grouped_query", "multi_head_latent".
const std::vector<std::string>& names_of(AttentionKind);

/// Attention of every layer. Grouped-query covers multi-head (kv_heads == heads) and multi-query
/// (1).
struct Attention {
  AttentionKind kind = AttentionKind::kGroupedQuery;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  ///< multi-head latent: equal to heads
  std::int64_t head_dim = 0;  ///< grouped-query: of Q, K and V
  // multi-head latent attention (DeepSeek-V2, arXiv 2405.04434 section 2.1)
  std::int64_t q_lora_rank = 0;  ///< 0: the query has no low-rank projection
  std::int64_t kv_lora_rank = 0;
  std::int64_t qk_nope_head_dim = 0;
  std::int64_t qk_rope_head_dim = 0;
  std::int64_t v_head_dim = 0;
  bool qkv_bias = false, output_bias = false;
  bool qk_norm = false;  ///< norm weights on Q and K (grouped-query)
  bool qk_norm_whole =
      false;           ///< they span all heads (OLMoE, MiniMax-M2), not one head that all share
  bool sinks = false;  ///< one learned sink logit per head (gpt-oss)

  bool latent() const { return kind == AttentionKind::kMultiHeadLatent; }
  bool operator==(const Attention&) const = default;
};

/// The mixture-of-experts feed-forward of an MoE layer.
struct Moe {
  std::int64_t experts = 0;
  std::int64_t top_k = 0;
  std::int64_t intermediate = 0;         ///< of one routed expert
  std::int64_t shared_intermediate = 0;  ///< all shared experts together; 0: none
  bool gated = true;                     ///< SwiGLU: three matrices; else two
  bool expert_bias = false, router_bias = false;
  bool shared_gate = false;      ///< a hidden-to-1 gate on the shared expert (Qwen1.5-MoE)
  std::int64_t groups = 1;       ///< router groups (n_group)
  std::int64_t groups_kept = 1;  ///< topk_group

  bool operator==(const Moe&) const = default;
};

struct Layer {
  bool moe = false;
  std::int64_t window = 0;  ///< tokens of sliding (or chunked) attention; 0: full attention

  bool operator==(const Layer&) const = default;
};

struct Architecture {
  std::string name;
  std::string family;  ///< model_type of its Hugging Face config
  std::int64_t hidden = 0;
  std::int64_t vocabulary = 0;
  bool tied_embeddings = false;
  std::int64_t dense_intermediate = 0;  ///< feed-forward of the layers that are not MoE
  bool dense_gated = true;
  Attention attention;
  Moe moe;                    ///< experts == 0: a dense model
  std::vector<Layer> layers;  ///< decoder layers
  /// Encoder of an encoder-decoder model (Switch): same attention and feed-forward shapes; each
  /// decoder layer then has cross-attention as well. Empty for decoder-only models.
  std::vector<Layer> encoder_layers;
  std::int64_t max_positions = 0;
  std::vector<std::string> sources;  ///< where the figures come from

  /// MoE layers of decoder and encoder.
  std::int64_t moe_layers() const;
  bool encoder_decoder() const { return !encoder_layers.empty(); }
};

/// A rule that an architecture breaks: the field as the YAML description names it
/// ("attention.kv_heads") and why.
struct ArchitectureProblem {
  std::string field;
  std::string what;
};

/// The first senseless figure (0 layers, heads that do not divide, top-k above the experts), or
/// nothing.
std::optional<ArchitectureProblem> find_problem(const Architecture& architecture);

}  // namespace moesim
