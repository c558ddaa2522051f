#include "sim/cache/tier_path.hpp"

#include <algorithm>

#include "sim/cache/expert_memory.hpp"

namespace moesim {

TierPath::TierPath(const std::vector<TierConfig>& tiers, const CacheShape& shape,
                   Bytes expert_bytes) {
  for (const auto& tier : tiers) {
    Path path{tier.bandwidth, tier.latency, paths_.size() + 1};
    if (!paths_.empty()) {
      path.bandwidth = std::min(path.bandwidth, paths_.back().bandwidth);
      path.latency += paths_.back().latency;
    }
    paths_.push_back(path);
    const auto slots = static_cast<std::int64_t>(tier.capacity / expert_bytes);
    const bool all = slots >= shape.all();
    caches_.push_back(all || slots == 0 ? nullptr
                                        : std::make_unique<ExpertCache>(
                                              shape, SlotSharing::pool, slots,
                                              Choice<CachePolicy>("lru").make(
                                                  {shape, slots, false, 0, {}, nullptr})));
    if (all) break;
  }
}

TierPath::Path TierPath::fetch(ExpertId id) {
  const auto visit = fetches_++;
  std::size_t from = 0;
  while (from + 1 < paths_.size() && !(caches_[from] && caches_[from]->holds(id))) ++from;
  for (std::size_t t = 0; t < from; ++t)
    if (caches_[t]) caches_[t]->insert(id, visit);
  for (const auto& cache : caches_)
    if (cache) cache->used(id, visit);
  return paths_[from];
}

}  // namespace moesim
