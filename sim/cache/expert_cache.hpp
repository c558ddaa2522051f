// The slots of one memory tier and what lies in them. Slots belong to a layer each, or form one
// pool over all layers (ExpertFlow). An expert that is protected (needed by the layer that is being
// computed, or on its way for one of the next) leaves only when nothing else can. Contract: never
// more experts than slots; what was inserted is held until a policy picks it. Knows no time and no
// bytes: a slot holds one expert of any layer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/cache/cache_policy.hpp"

namespace moesim {

enum class SlotSharing { layer, pool };
const std::vector<std::string>& names_of(SlotSharing);

class ExpertCache {
 public:
  static constexpr ExpertId kNone = -1;

  /// `slots` of every layer, or of the pool.
  ExpertCache(const CacheShape& shape, SlotSharing sharing, std::int64_t slots,
              std::unique_ptr<CachePolicy> policy);

  bool holds(ExpertId id) const { return place_[static_cast<std::size_t>(id)] >= 0; }
  /// Takes it in; returns what had to leave, or kNone. It must not be held already.
  ExpertId insert(ExpertId id, std::int64_t visit);
  /// Takes it in if there is room or the policy would rather lose another one; returns what did not
  /// stay: the other one, the expert itself, or kNone.
  ExpertId offer(ExpertId id, std::int64_t visit);
  /// Whether insert() finds a free slot, or one whose expert is not protected.
  bool has_room(std::int64_t layer) const;
  /// Forgets it; nothing if it is not held.
  void remove(ExpertId id);
  /// Counted: an expert stays protected until it was released as often.
  void protect(ExpertId id) { ++protected_[static_cast<std::size_t>(id)]; }
  void release(ExpertId id) { --protected_[static_cast<std::size_t>(id)]; }

  void start_sequence() { policy_->start_sequence(); }
  void used(ExpertId id, std::int64_t visit, bool high_precision = true) {
    policy_->used(id, visit, high_precision);
  }
  std::span<const ExpertId> contents(std::int64_t layer) const {
    return pools_[pool_of_layer(layer)];
  }
  /// Of the pool that holds a layer's experts.
  std::size_t slots() const { return slots_; }
  /// Nothing is held any more; records stay.
  void clear();

 private:
  bool take(std::vector<ExpertId>& pool, ExpertId id);
  ExpertId replace(std::vector<ExpertId>& pool, std::size_t at, ExpertId id);
  std::size_t pool_of_layer(std::int64_t layer) const {
    return sharing_ == SlotSharing::pool ? 0 : static_cast<std::size_t>(layer);
  }

  CacheShape shape_;
  SlotSharing sharing_;
  std::size_t slots_;
  std::unique_ptr<CachePolicy> policy_;
  std::vector<std::vector<ExpertId>> pools_;
  std::vector<std::int32_t> place_;      ///< [experts] index in its pool, -1: not held
  std::vector<std::int16_t> protected_;  ///< [experts]
  std::vector<ExpertId> candidates_;
  std::vector<std::size_t> candidate_at_;  ///< parallel: index in the pool
};

struct CacheCounts {
  std::int64_t accesses = 0, hits = 0;
  double hit_rate() const {
    return accesses > 0 ? static_cast<double>(hits) / static_cast<double>(accesses) : 0;
  }
};

/// What happens to the experts of a layer that are not there.
///   staged: they come to buffers of their own; once computed, each takes the place of an expert
///   that the policy values less, or is dropped (what published hit rates count).
///   together: they come to slots; what the layer needs stays until all have come (in turn, where
///   it needs more than there are slots).
///   in_turn: one is computed after the other in the recorded order and may leave for the next.
enum class Arrival { staged, together, in_turn };
const std::vector<std::string>& names_of(Arrival);

struct ReplayOptions {
  Arrival arrival = Arrival::staged;
  bool cold = false;  ///< empty at every new sequence
};

/// Plays recorded accesses.
CacheCounts replay(const Accesses& accesses, ExpertCache& cache, const ReplayOptions& how = {});

}  // namespace moesim
