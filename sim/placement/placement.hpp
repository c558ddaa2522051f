// Slot: which rank of an expert-parallel group holds which expert.
// Life cycle: place() is called once per MoE layer when the run is built. Contract: every expert
// has at least one slot; the number of slots is experts + redundant; slots are spread so that no
// rank holds more than ceil(slots / ranks); slots of a rank are contiguous in the result. A
// replicated expert's tokens are split evenly over its replicas.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/registry.hpp"

namespace moesim {

/// Physical expert slots of one layer in order of rank.
struct LayerPlacement {
  std::vector<std::int32_t> expert_of_slot;  ///< [slots]
  std::vector<std::int32_t>
      first_slot;  ///< [ranks + 1]: rank r holds slots first_slot[r] .. first_slot[r+1]-1
  std::vector<std::int32_t> replicas;  ///< [experts]
  bool identity() const;               ///< slot s holds expert s
};

class Placement {
 public:
  static constexpr SlotInfo slot{"placement", "which rank holds which expert"};
  struct Context {
    std::int64_t experts = 0;
    std::int64_t redundant = 0;  ///< extra slots for replicas
    std::int64_t ranks = 1;
  };

  virtual ~Placement() = default;
  /// `popularity` [experts]: expected share of tokens per expert in this layer.
  virtual LayerPlacement place(std::span<const double> popularity) = 0;
};

/// Which expert gets each redundant slot: again and again the one with the highest popularity per
/// replica (the rule of DeepSeek's EPLB, replicate_experts). Returns replicas per expert.
std::vector<std::int32_t> replicate(std::span<const double> popularity, std::int64_t redundant);

/// Tokens of every physical slot [slots]: an expert's tokens split evenly over its replicas, the
/// remainder to the first.
void split_over_slots(const LayerPlacement& placement,
                      std::span<const std::int32_t> tokens_per_expert,
                      std::span<std::int32_t> tokens_per_slot);

}  // namespace moesim
