#include "sim/cache/expert_cache.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace moesim {

const std::vector<std::string>& names_of(SlotSharing) {
  static const std::vector<std::string> names = {"layer", "pool"};
  return names;
}

const std::vector<std::string>& names_of(Arrival) {
  static const std::vector<std::string> names = {"staged", "together", "in-turn"};
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

bool ExpertCache::take(std::vector<ExpertId>& pool, ExpertId id) {
  if (pool.size() == slots_) return false;
  place_[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(pool.size());
  pool.push_back(id);
  return true;
}

ExpertId ExpertCache::replace(std::vector<ExpertId>& pool, std::size_t at, ExpertId id) {
  const auto out = std::exchange(pool[at], id);
  place_[static_cast<std::size_t>(out)] = -1;
  place_[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(at);
  return out;
}

ExpertId ExpertCache::insert(ExpertId id, std::int64_t visit) {
  assert(!holds(id) && slots_ > 0);
  auto& pool = pools_[pool_of_layer(shape_.layer_of(id))];
  if (take(pool, id)) return kNone;
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
  return replace(pool, none ? picked : candidate_at_[picked], id);
}

bool ExpertCache::has_room(std::int64_t layer) const {
  const auto& pool = pools_[pool_of_layer(layer)];
  return pool.size() < slots_ || std::ranges::any_of(pool, [&](ExpertId id) {
           return protected_[static_cast<std::size_t>(id)] == 0;
         });
}

ExpertId ExpertCache::offer(ExpertId id, std::int64_t visit) {
  assert(!holds(id));
  auto& pool = pools_[pool_of_layer(shape_.layer_of(id))];
  if (take(pool, id)) return kNone;
  candidates_.assign(pool.begin(), pool.end());
  candidates_.push_back(id);
  const auto picked = policy_->victim(candidates_, visit);
  return picked == pool.size() ? id : replace(pool, picked, id);
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

namespace {

void compute_together(std::span<const ExpertId> needed, std::int64_t visit, ExpertCache& cache,
                      CacheCounts& counts) {
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

void compute_staged(std::span<const ExpertId> needed, std::int64_t visit, ExpertCache& cache,
                    CacheCounts& counts) {
  for (const auto id : needed) {
    counts.hits += cache.holds(id) ? 1 : 0;
    cache.used(id, visit);
  }
  for (const auto id : needed)
    if (!cache.holds(id)) cache.offer(id, visit);
}

void compute_in_turn(std::span<const ExpertId> needed, std::int64_t visit, ExpertCache& cache,
                     CacheCounts& counts) {
  for (const auto id : needed) {
    const bool hit = cache.holds(id);
    counts.hits += hit ? 1 : 0;
    if (!hit) cache.insert(id, visit);
    cache.used(id, visit);
  }
}

}  // namespace

CacheCounts replay(const Accesses& accesses, ExpertCache& cache, const ReplayOptions& how) {
  CacheCounts counts;
  counts.accesses = accesses.accesses();
  const auto layers = accesses.shape().layers;
  const auto sequences = accesses.sequences();
  std::size_t sequence = 0;
  for (std::int64_t visit = 0; visit < accesses.visits(); ++visit) {
    if (sequence < sequences.size() && visit == sequences[sequence] * layers) {
      cache.start_sequence();
      if (how.cold) cache.clear();
      ++sequence;
    }
    const auto needed = accesses.needed(visit);
    if (how.arrival == Arrival::staged)
      compute_staged(needed, visit, cache, counts);
    else if (how.arrival == Arrival::together && needed.size() <= cache.slots())
      compute_together(needed, visit, cache, counts);
    else
      compute_in_turn(needed, visit, cache, counts);
  }
  return counts;
}

}  // namespace moesim
