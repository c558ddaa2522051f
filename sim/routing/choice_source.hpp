// Slot: where the experts' popularity, and so every token's choices, come from.
// Life cycle: built once per run; sample() is called once per MoE layer and writes the choices of
// `tokens` tokens, from which the run draws its batches (choice_pool.hpp). Contract: every token
// gets as many distinct ids below `experts` as the router gives it; the same seed and layer give
// the same choices. A source whose popularity drifts is moved on by drift_to() between steps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/registry.hpp"
#include "sim/routing/router.hpp"

namespace moesim {

/// Choices of consecutive tokens: [tokens x top_k] expert ids; kNoExpert where a token has fewer.
struct Choices {
  std::int64_t top_k = 0;
  std::vector<std::uint16_t> experts;
  std::int64_t tokens() const { return static_cast<std::int64_t>(experts.size()) / top_k; }
};

class ChoiceSource {
 public:
  static constexpr SlotInfo slot{"routing source",
                                 "where the tokens' choices of experts come from"};
  struct Context {
    std::uint64_t seed = 0;
    std::int64_t moe_layers = 0;
    std::int64_t experts = 0;
    std::int64_t top_k = 0;
  };

  virtual ~ChoiceSource() = default;
  /// Choices of `tokens` tokens in MoE layer `layer` (0-based among MoE layers), through `router`
  /// where the source makes logits; a recorded trace brings its own choices.
  virtual Choices sample(std::int64_t layer, std::int64_t tokens, Router& router) = 0;
  /// Relative weights of the experts [experts] in a layer, for sampling whole batches by counts;
  /// empty: not known beyond the sampled choices.
  virtual std::vector<double> weights(std::int64_t) const { return {}; }
  /// The choices depend on context, parameters and router alone: they may be sampled once for
  /// several runs. Not so for what reads files or remembers.
  virtual bool repeatable() const { return false; }
  /// Engine steps for which popularity stays as it is; 0: for ever.
  virtual std::int64_t steps_per_epoch() const { return 0; }
  virtual void drift_to(std::int64_t /*epoch*/) {}
};

}  // namespace moesim
