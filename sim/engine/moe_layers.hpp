// The MoE layers of a model under one routing configuration: pools of choices, placement of experts
// on the ranks of an expert-parallel group, and the loads a batch puts on them. Shared by all
// groups, which hold the same experts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/architecture/architecture.hpp"
#include "sim/placement/placement.hpp"
#include "sim/routing/choice_pool.hpp"
#include "sim/routing/choice_source.hpp"

namespace moesim {

/// The section `routing` of a scenario.
struct RoutingConfig {
  Choice<ChoiceSource> source{"sampled"};
  std::optional<Choice<Router>> router;  ///< absent: the model's own
  Choice<Placement> placement{"contiguous"};
  std::int64_t redundant_experts = 0;
  std::int64_t pool_tokens = 1024;
  static const Parameters<RoutingConfig>& parameters();
};

/// One batch in one layer.
struct ExpertLoads {
  std::vector<std::int32_t> per_expert;  ///< [experts] tokens
  std::vector<std::int32_t> per_slot;    ///< [slots], rank after rank
  std::vector<double> per_rank;          ///< [ranks] (token, expert) pairs
  std::int64_t distinct = 0;             ///< experts with at least one token
};

class MoeLayers {
 public:
  MoeLayers(const Architecture& model, const RoutingConfig& config, std::int64_t ranks,
            std::uint64_t seed);

  std::int64_t layers() const { return static_cast<std::int64_t>(pools_.size()); }
  std::int64_t ranks() const { return ranks_; }
  /// Draws the loads of a batch of `tokens` tokens; `step` names the draw.
  void draw(std::int64_t layer, std::int64_t tokens, std::uint64_t step, ExpertLoads& loads) const;
  /// Tokens of every local slot of a rank.
  std::span<const std::int32_t> slots_of(std::int64_t layer, std::int64_t rank,
                                         const ExpertLoads& loads) const;
  /// Most experts that any rank holds in any layer: what its memory must hold.
  std::int64_t slots_per_rank() const;
  /// Probability that a token has an expert in each part, given the part of every rank (its own id:
  /// ranks; its node).
  std::vector<double> part_probability(std::int64_t layer, std::span<const int> part_of_rank,
                                       int parts) const;

 private:
  std::int64_t ranks_;
  std::uint64_t seed_;
  std::vector<ChoicePool> pools_;
  std::vector<LayerPlacement> placements_;
  std::vector<char> identity_;  ///< [layers] slots are experts: nothing to split
};

}  // namespace moesim
