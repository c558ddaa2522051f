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

/// What is known of a layer's traffic when the run is built.
struct LayerSample {
  std::span<const double> popularity;      ///< [experts]
  std::span<const std::uint16_t> choices;  ///< [tokens x top_k]; the same tokens in every layer
  std::int64_t top_k = 1;
};

class Placement {
 public:
  static constexpr SlotInfo slot{"placement", "which rank holds which expert"};
  struct Context {
    std::int64_t experts = 0;
    std::int64_t redundant = 0;  ///< extra slots for replicas
    std::int64_t ranks = 1;
    std::int64_t ranks_per_node = 1;
    std::int64_t groups = 1;  ///< of the model's router (n_group)
    std::uint64_t seed = 0;
  };

  virtual ~Placement() = default;
  /// `popularity` [experts]: expected share of tokens per expert in this layer.
  virtual LayerPlacement place(std::span<const double> popularity) = 0;
  /// All layers at once, for policies that look at tokens or at neighbouring layers.
  virtual std::vector<LayerPlacement> place_all(std::span<const LayerSample> layers);
};

/// Which expert gets each redundant slot: again and again the one with the highest popularity per
/// replica (the rule of DeepSeek's EPLB, replicate_experts). Returns replicas per expert.
std::vector<std::int32_t> replicate(std::span<const double> popularity, std::int64_t redundant);

/// A placement from the expert of every slot, rank after rank with equally many slots (the first
/// ranks one more when they do not divide).
LayerPlacement placement_of_slots(std::vector<std::int32_t> expert_of_slot, std::int64_t experts,
                                  std::int64_t ranks);

/// Tokens of every physical slot [slots]: an expert's tokens split evenly over its replicas, the
/// remainder to the first.
void split_over_slots(const LayerPlacement& placement,
                      std::span<const std::int32_t> tokens_per_expert,
                      std::span<std::int32_t> tokens_per_slot);

}  // namespace moesim
