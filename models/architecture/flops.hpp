// Floating-point operations of a model's arithmetic: two per multiply-add of every matrix that a
// token meets, plus the products of attention with its context. Independent of device and kernel:
// no padding, no recomputation, no softmax, norms or activations (below 1 %). The embedding is a
// lookup and costs nothing; routed experts count top-k.
#pragma once

#include <cstdint>

#include "models/architecture/architecture.hpp"
#include "sim/core/quantity.hpp"

namespace moesim {

struct TokenFlops {
  Flop linear;     ///< 2 x active matrix parameters, LM head included
  Flop attention;  ///< scores and weighted values
  Flop total() const { return linear + attention; }
};

/// One decode step of one sequence: a token that attends to `context` tokens, itself included (a
/// layer with a window: to at most that many). Multi-head latent attention runs absorbed, in the
/// latent space (arXiv 2405.04434 section 2.1.2), where the up-projections of K and V cost the same
/// as unabsorbed. Encoder-decoder: the decoder alone, with cross-attention to `context` source
/// tokens whose K and V exist already.
TokenFlops decode_flops(const Architecture& model, std::int64_t context);

/// Forward pass over a whole causal sequence of `tokens`; the LM head runs on `logits` positions (1
/// in serving, all in training). Multi-head latent attention runs unabsorbed, as prefill does.
/// Encoder-decoder: `tokens` source and as many target tokens.
TokenFlops forward_flops(const Architecture& model, std::int64_t tokens, std::int64_t logits = 1);

}  // namespace moesim
