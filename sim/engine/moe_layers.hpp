// The MoE layers of a model under one routing configuration: pools of choices, placement of experts
// on the ranks of an expert-parallel group, the loads a batch puts on them, and what a balancer
// does about them. Shared by all groups, which hold the same experts and take the same migrations.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "models/architecture/architecture.hpp"
#include "sim/engine/sampled_layers.hpp"
#include "sim/placement/balancer.hpp"

namespace moesim {

/// The section `routing` of a scenario.
struct RoutingConfig {
  Choice<ChoiceSource> source{"sampled"};
  std::optional<Choice<Router>> router;  ///< absent: the model's own
  Choice<Placement> placement{"contiguous"};
  Choice<Balancer> balancer{"none"};
  std::int64_t redundant_experts = 0;
  std::int64_t pool_tokens = 1024;
  static const Parameters<RoutingConfig>& parameters();
};

/// One batch in one layer.
struct ExpertLoads {
  std::vector<std::int32_t> per_expert;  ///< [experts that the layer sees] tokens
  std::vector<double> per_rank;          ///< [ranks] (token, expert) pairs
  std::int64_t distinct = 0;             ///< experts with at least one token
  BatchAssignment batch;                 ///< where they run
};

/// Weights that a group must move before its next step.
struct Migration {
  std::vector<ExpertMove> moves;
  std::int64_t rebalances = 0;
};

class MoeLayers {
 public:
  /// `ranks_per_node` 0: all ranks on one node.
  MoeLayers(const Architecture& model, const RoutingConfig& config, std::int64_t ranks,
            std::uint64_t seed, std::int64_t ranks_per_node = 0);

  std::int64_t layers() const { return static_cast<std::int64_t>(effects_.size()); }
  std::int64_t ranks() const { return ranks_; }
  /// Experts that a layer's tokens choose from.
  std::int64_t experts() const { return experts_; }
  const LayerEffect& effect(std::int64_t layer) const {
    return effects_[static_cast<std::size_t>(layer)];
  }
  /// Time goes on: popularity drifts, the balancer may place anew. Returns what `group` has not
  /// moved yet.
  Migration advance(std::int64_t step, std::uint64_t group);
  /// A probe leaves no trace: the balancer does not see what is drawn meanwhile.
  void observe(bool on) { observing_ = on; }
  /// Draws the loads of a batch of `tokens` tokens; `step` names the draw.
  void draw(std::int64_t layer, std::int64_t tokens, std::uint64_t step, ExpertLoads& loads);
  /// Tokens of every local slot of a rank.
  std::span<const std::int32_t> slots_of(std::int64_t layer, std::int64_t rank,
                                         const ExpertLoads& loads) const;
  /// Which rank holds which experts of a layer.
  const LayerPlacement& placement(std::int64_t layer) const {
    return placements_[static_cast<std::size_t>(layer)];
  }
  /// Most experts that any rank holds in any layer: what its memory must hold.
  std::int64_t slots_per_rank() const;
  /// Probability that a token has an expert in each part, given the part of every rank (its own id:
  /// ranks; its node).
  std::vector<double> part_probability(std::int64_t layer, std::span<const int> part_of_rank,
                                       int parts) const;

 private:
  SampledLayers sample(const std::string& model);
  const ChoicePool& pool(std::int64_t layer) const {
    return sampled_->pools[static_cast<std::size_t>(layer)];
  }

  std::int64_t ranks_, ranks_per_node_, experts_ = 0;
  std::uint64_t seed_;
  std::int64_t pool_tokens_ = 0, epoch_ = 0, last_balanced_ = -1;
  bool observing_ = true;
  std::unique_ptr<Router> router_;
  std::unique_ptr<ChoiceSource> source_;
  std::unique_ptr<Balancer> balancer_;
  std::vector<LayerEffect> effects_;
  std::shared_ptr<const SampledLayers> sampled_;
  std::vector<LayerPlacement> placements_;
  std::vector<char> identity_;      ///< [layers] slot s holds expert s
  std::vector<Migration> pending_;  ///< [groups seen so far]
};

/// Slots for routed experts that a rank's memory must have, by layer: experts and replicas, what a
/// router leaves out of memory, and copies that a balancer keeps for a batch.
std::int64_t slots_to_hold(const Architecture& model, const RoutingConfig& config,
                           std::int64_t ranks);

}  // namespace moesim
