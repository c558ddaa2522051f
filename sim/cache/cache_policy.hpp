// Slot: which expert leaves a cache that is full.
// Life cycle: built once per cache; start_sequence() at every new sequence; used() for every expert
// that a step needs, hits and misses alike, when the gate has spoken; victim() when a miss or a
// prefetch needs a slot. `visit` counts pairs of a step and a layer and never goes back. Contract:
// victim() returns an index below candidates.size() and is a pure function of what it was told
// (and of the future, for oracles). Policies never see time, bytes or the cache's contents.
#pragma once

#include <cstdint>
#include <span>

#include "sim/cache/accesses.hpp"
#include "sim/cache/future_uses.hpp"
#include "sim/core/registry.hpp"

namespace moesim {

class CachePolicy {
 public:
  static constexpr SlotInfo slot{"expert cache", "which expert leaves a cache that is full"};
  struct Context {
    CacheShape shape;
    std::int64_t slots = 0;  ///< of one pool: of a layer, or of all
    bool staged = false;     ///< a layer's misses need no slot (Arrival::staged)
    std::uint64_t seed = 0;
    std::span<const double> popularity = {};  ///< [layers x experts] when known beforehand
    const FutureUses* future = nullptr;       ///< null: an oracle cannot be built
  };

  virtual ~CachePolicy() = default;
  virtual void start_sequence() {}
  /// `high_precision`: the copy that was asked for is the full-precision one.
  virtual void used(ExpertId id, std::int64_t visit, bool high_precision) = 0;
  virtual std::size_t victim(std::span<const ExpertId> candidates, std::int64_t visit) = 0;
};

/// Index of the candidate with the lowest `keep(id)`, of equals the one with the lowest id.
template <class Keep>
std::size_t lowest(std::span<const ExpertId> candidates, Keep keep) {
  std::size_t best = 0;
  auto least = keep(candidates[0]);
  for (std::size_t i = 1; i < candidates.size(); ++i)
    if (const auto value = keep(candidates[i]);
        value < least || (value == least && candidates[i] < candidates[best])) {
      least = value;
      best = i;
    }
  return best;
}

}  // namespace moesim
