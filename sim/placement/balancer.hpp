// Slot: how load is balanced over the ranks of an expert-parallel group while the system runs.
// Life cycle: built once per run; for every MoE layer of every step observe() sees the counts, then
// assign() may decide for this batch alone where its tokens run and which weights are copied for
// it; between steps due() may ask for new placements, given by place(). Contract: no token is lost,
// every expert keeps a slot, no rank holds more slots than the memory plan gave it. The engine
// moves the weights over the network and charges the time. Not modelled: partial migration.
#pragma once

#include "sim/core/quantity.hpp"
#include "sim/placement/placement.hpp"

namespace moesim {

/// Weights of one expert go from one rank to another.
struct ExpertMove {
  std::int32_t expert = 0, from = 0, to = 0;
};

/// One batch of one layer, as a balancer distributes it.
struct BatchAssignment {
  std::vector<std::int32_t> tokens_of_slot;  ///< rank after rank
  std::vector<std::int32_t> first_slot;      ///< [ranks + 1]
  std::vector<ExpertMove> copies;            ///< that travel before the experts run
  bool copies_under_attention = false;       ///< known early: they hide behind attention
  Seconds host{0};                           ///< decision on the host, exposed
  double travelling = 1;  ///< share of the tokens that still has to be dispatched
};

class Balancer {
 public:
  static constexpr SlotInfo slot{"balancer", "how load is balanced over ranks during the run"};
  struct Context {
    std::int64_t moe_layers = 0, experts = 0, ranks = 1, ranks_per_node = 1;
    std::int64_t redundant = 0;
    std::int64_t groups = 1;  ///< of the model's router (n_group)
    std::uint64_t seed = 0;
  };

  virtual ~Balancer() = default;
  virtual void observe(std::int64_t /*layer*/, std::span<const std::int32_t> /*counts*/) {}
  /// False: the placement's own split stays. `step` names the draw.
  virtual bool assign(std::int64_t, std::span<const std::int32_t>, const LayerPlacement&,
                      std::uint64_t /*step*/, BatchAssignment&) {
    return false;
  }
  /// Whether placements change before `step`.
  virtual bool due(std::int64_t /*step*/) const { return false; }
  virtual LayerPlacement place(std::int64_t /*layer*/, const LayerPlacement& now) { return now; }
  /// Slots of a rank, in every layer, that hold copies: memory that KV cannot use.
  virtual std::int64_t copy_slots() const { return 0; }
};

/// What must be copied to get from one placement to the other: for every slot whose expert its rank
/// did not hold, one copy from the nearest holder (own node first, then the lowest rank).
std::vector<ExpertMove> moves_between(const LayerPlacement& from, const LayerPlacement& to,
                                      std::int64_t ranks_per_node);

/// Rank of every expert's first slot.
std::vector<std::int32_t> home_ranks(const LayerPlacement& placement);

}  // namespace moesim
