// Slot: how a token picks its experts from its logits.
// Life cycle: built once per run with the shape of the MoE layer; choose() is called for every
// sampled token, with the logits of one token, and is a pure function of them. Contract: writes
// exactly top_k distinct expert ids below `experts`, whatever finite logits it gets; ties go to the
// lower id.
#pragma once

#include <cstdint>
#include <span>

#include "sim/core/registry.hpp"

namespace moesim {

class Router {
 public:
  static constexpr SlotInfo slot{"router", "how a token picks its experts from its logits"};
  struct Context {
    std::int64_t experts = 0;
    std::int64_t top_k = 0;
    std::int64_t groups = 1;       ///< of the model (n_group)
    std::int64_t groups_kept = 1;  ///< of the model (topk_group)
  };

  virtual ~Router() = default;
  /// `logits`: [experts]; `chosen`: [top_k], written in order of falling logit.
  virtual void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) = 0;
  /// Equal, contiguous groups of experts that compete as a whole; inside one, popularity alone
  /// decides.
  virtual std::int64_t groups() const { return 1; }
};

}  // namespace moesim
