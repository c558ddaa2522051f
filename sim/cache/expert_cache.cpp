#include "sim/cache/expert_cache.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace moesim {

const std::vector<std::string>& names_of(SlotSharing) {
  static const std::vector<std::string> names = {"layer", "pool"};
  return names;
}

ExpertCache::ExpertCache(const CacheShape& shape, SlotSharing sharing, std::int64_t slots,
                         std::unique_ptr<CachePolicy> policy)
    : shape_(shape),
      sharing_(sharing),
      slots_(static_cast<std::size_t>(slots)),
      policy_(std::move(policy)),
      pools_(sharing == SlotSharing::pool ? 1 : static_cast<std::size_t>(shape.layers)),
      place_(static_cast<std::size_t>(shape.all()), -1),
      protected_(place_.size(), 0) {
  for (auto& pool : pools_) pool.reserve(std::min(slots_, place_.size()));
}

ExpertId ExpertCache::insert(ExpertId id, std::int64_t visit) {
  assert(!holds(id) && slots_ > 0);
  auto& pool = pools_[pool_of_layer(shape_.layer_of(id))];
  if (pool.size() < slots_) {
    place_[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(pool.size());
    pool.push_back(id);
    return kNone;
  }
  candidates_.clear();
  candidate_at_.clear();
  for (std::size_t i = 0; i < pool.size(); ++i)
    if (protected_[static_cast<std::size_t>(pool[i])] == 0) {
      candidates_.push_back(pool[i]);
      candidate_at_.push_back(i);
    }
  // More is needed at a time than there are slots: what was computed already makes room.
  const bool none = candidates_.empty();
  const auto picked = policy_->victim(none ? std::span<const ExpertId>(pool) : candidates_, visit);
  const auto at = none ? picked : candidate_at_[picked];
  const auto out = std::exchange(pool[at], id);
  place_[static_cast<std::size_t>(out)] = -1;
  place_[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(at);
  return out;
}

void ExpertCache::remove(ExpertId id) {
  const auto at = std::exchange(place_[static_cast<std::size_t>(id)], -1);
  if (at < 0) return;
  auto& pool = pools_[pool_of_layer(shape_.layer_of(id))];
  pool[static_cast<std::size_t>(at)] = pool.back();
  if (pool.back() != id) place_[static_cast<std::size_t>(pool.back())] = at;
  pool.pop_back();
}

void ExpertCache::clear() {
  for (auto& pool : pools_) pool.clear();
  std::ranges::fill(place_, -1);
}

CacheCounts replay(const Accesses& accesses, ExpertCache& cache, bool cold) {
  CacheCounts counts;
  counts.accesses = accesses.accesses();
  const auto layers = accesses.shape().layers;
  const auto sequences = accesses.sequences();
  std::size_t sequence = 0;
  for (std::int64_t visit = 0; visit < accesses.visits(); ++visit) {
    if (sequence < sequences.size() && visit == sequences[sequence] * layers) {
      cache.start_sequence();
      if (cold) cache.clear();
      ++sequence;
    }
    const auto needed = accesses.needed(visit);
    for (const auto id : needed) {
      cache.protect(id);
      cache.used(id, visit);
    }
    for (const auto id : needed) {
      if (cache.holds(id))
        ++counts.hits;
      else
        cache.insert(id, visit);
    }
    for (const auto id : needed) cache.release(id);
  }
  return counts;
}

}  // namespace moesim
