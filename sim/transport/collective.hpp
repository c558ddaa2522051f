// Slot: what a collective moves between the ranks of a group, step by step.
// Life cycle: one per collective of a study; steps() is called once. Contract: all flows of a step
// start together and the next step starts when the last of them has arrived; a step that is
// repeated has the same flows every time; flows join different ranks and carry at least a byte.
// What serving uses instead, without listing flows, is collectives.hpp and exchange.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/platform/network.hpp"

namespace moesim {

struct CollectiveStep {
  std::vector<Flow> flows;  ///< between ranks of the group
  std::int64_t repeat = 1;
  std::int64_t start_ups = 1;  ///< messages one after another within the (pipelined) step
};

class Collective {
 public:
  static constexpr SlotInfo slot{"collective", "what moves between the ranks of a group"};
  struct Context {
    std::int64_t ranks = 1;
    std::int64_t ranks_per_node = 1;  ///< rank r lies on node r / ranks_per_node
    std::uint64_t seed = 1;
    /// Bandwidth of the slowest link from rank to rank, for orders that look at it.
    std::function<BytesPerSecond(int from, int to)> bandwidth = {};
  };

  virtual ~Collective() = default;
  virtual std::vector<CollectiveStep> steps() const = 0;
};

/// What every reduction and gather of `bytes` is made of. InputError for numbers of ranks that an
/// algorithm cannot take.
enum class Algorithm { ring, tree, recursive_doubling, hierarchical };
const std::vector<std::string>& names_of(Algorithm);
/// reduce_scatter and all_gather are one pass, all_reduce is both.
std::vector<CollectiveStep> gather_steps(Algorithm algorithm, bool reduce, bool gather,
                                         double bytes, const std::vector<int>& ring,
                                         const Collective::Context& context);

/// Ring orders: by rank, or the cycle with the least sum of 1 / bandwidth over its hops, which PCCL
/// solves as a travelling-salesman problem (arXiv 2505.14065): exactly up to 9 ranks, above by
/// 2-opt and single moves from the nearest-neighbour tour.
enum class RingOrder { rank, bandwidth_aware };
const std::vector<std::string>& names_of(RingOrder);
std::vector<int> ring_order(RingOrder order, const Collective::Context& context);

}  // namespace moesim
