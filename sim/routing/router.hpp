// Slot: how tokens pick their experts from their logits.
// Life cycle: built once per run with the shape of the MoE layers; route() is called once per MoE
// layer with the logits of the tokens that are routed together. Contract: a token gets at most
// width() distinct expert ids below `experts`, the rest of its row is kNoExpert; the same logits
// give the same choices; ties go to the lower id. settle() applies what a policy enforces per batch
// (a capacity) to the counts of a batch drawn later. effect() is what else the policy changes for
// the cost models. Not modelled: what the choices do to the quality of the answers.
#pragma once

#include <cstdint>
#include <span>

#include "sim/core/registry.hpp"
#include "sim/routing/layer_effect.hpp"

namespace moesim {

inline constexpr std::uint16_t kNoExpert = 0xffff;

/// Which MoE layer a batch of logits belongs to.
struct RoutedLayer {
  std::int64_t layer = 0, layers = 1;  ///< 0-based among MoE layers
  std::int64_t experts = 0;
};

class Router {
 public:
  static constexpr SlotInfo slot{"router", "how a token picks its experts from its logits"};
  struct Context {
    std::int64_t experts = 0;
    std::int64_t top_k = 0;
    std::int64_t groups = 1;       ///< of the model (n_group)
    std::int64_t groups_kept = 1;  ///< of the model (topk_group)
  };

  explicit Router(const Context& context) : context_(context) {}
  virtual ~Router() = default;
  /// Most experts a token can get.
  virtual std::int64_t width() const { return context_.top_k; }
  /// `logits` [tokens x experts]; `chosen` [tokens x width], a token's experts in order of falling
  /// preference. By default every token on its own, by choose().
  virtual void route(const RoutedLayer& layer, std::span<const float> logits,
                     std::span<std::uint16_t> chosen);
  /// Counts [experts] of a batch of `tokens` tokens, as drawn without the policy's limits.
  virtual void settle(std::int64_t, std::span<std::int32_t>) const {}
  virtual LayerEffect effect(const RoutedLayer&) const { return {}; }
  /// Experts that a layer chooses from: more than the model's where layers share a pool.
  virtual std::int64_t visible_experts() const { return context_.experts; }
  /// Equal, contiguous groups of experts that compete as a whole and inside which popularity alone
  /// decides; 0: popularity does not tell how often an expert is chosen.
  virtual std::int64_t groups() const { return 1; }

 protected:
  /// One token: `logits` [experts], `chosen` [width] filled with kNoExpert.
  virtual void choose(std::span<const float>, std::span<std::uint16_t>) {}
  Context context_;
};

}  // namespace moesim
