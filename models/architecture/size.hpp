// How big a model is: parameters by part, bytes by part and number format, key-value cache per
// token. Exact integer counts of what a checkpoint's matrices and vectors hold.
// Multi-token-prediction modules, vision towers and relative position tables are not counted.
// Parameters that one token uses ("active") count top-k of the routed experts and everything else
// whole, the embedding table included, as most model cards do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/architecture/architecture.hpp"
#include "models/architecture/precision.hpp"
#include "sim/core/quantity.hpp"

namespace moesim {

enum class Part { kEmbedding, kAttention, kDense, kRouter, kExperts, kShared, kVectors, kLmHead };
/// "embedding", "attention", "dense feed-forward", ..., "norms and biases", "LM head".
const std::vector<std::string>& names_of(Part);

/// Matrix parameters of one layer by part; `vectors` are norms, biases and sinks together.
struct LayerParameters {
  std::int64_t attention = 0;  ///< of a decoder layer with cross-attention: both
  std::int64_t dense = 0;
  std::int64_t router = 0;
  std::int64_t experts = 0, active_experts = 0;
  std::int64_t shared = 0;
  std::int64_t vectors = 0, active_vectors = 0;

  std::int64_t total() const { return attention + dense + router + experts + shared + vectors; }
  /// Matrix parameters that multiply one token: what its linear FLOPs are twice of.
  std::int64_t active_matrices() const {
    return attention + dense + router + active_experts + shared;
  }
};

enum class Stack { kDecoder, kEncoder };
LayerParameters layer_parameters(const Architecture& model, const Layer& layer,
                                 Stack stack = Stack::kDecoder);

/// Matrices of one attention block (self or cross).
std::int64_t attention_parameters(const Architecture& model);
/// Matrices of one routed expert of one layer.
std::int64_t expert_parameters(const Architecture& model);

struct ParameterCount {
  std::int64_t total = 0;
  std::int64_t active = 0;  ///< per token
};
ParameterCount count_parameters(const Architecture& model);

struct PartSize {
  Part part = Part::kEmbedding;
  std::int64_t parameters = 0, active = 0;
  Dtype dtype = Dtype::bf16;
  Bytes bytes;
};
/// Every part that the model has, in the order of the data flow. A tied LM head has no row: it is
/// the embedding.
std::vector<PartSize> sizes_by_part(const Architecture& model, const Precision& precision);

/// All weights of the model.
Bytes weight_bytes(const Architecture& model, const Precision& precision);
/// One routed expert of one layer, without its biases.
Bytes expert_bytes(const Architecture& model, const Precision& precision);

/// What one token adds to the cache of one decoder layer: K and V of every key-value head, or the
/// latent and the rotary key of multi-head latent attention (arXiv 2405.04434 section 2.1.2).
/// Cross-attention caches as much again per source token, not included.
Bytes layer_kv_bytes_per_token(const Architecture& model, const Precision& precision);
/// The same over all decoder layers, for a sequence that no window has cut yet.
Bytes kv_bytes_per_token(const Architecture& model, const Precision& precision);
/// Cache of one sequence of `context` tokens: a layer with a window keeps at most that many (of
/// chunked attention, at most one chunk).
Bytes kv_bytes(const Architecture& model, const Precision& precision, std::int64_t context);

}  // namespace moesim
