// The tiers behind GPU memory and the way an expert takes through them. A copy streams through all
// links between, so it runs at the slowest of them and pays every start-up once. Contract: a nearer
// tier that cannot hold all experts keeps those fetched last (LRU); the last one has them all.
#pragma once

#include <memory>
#include <vector>

#include "sim/cache/expert_cache.hpp"
#include "sim/core/quantity.hpp"

namespace moesim {

struct TierConfig;

class TierPath {
 public:
  struct Path {
    BytesPerSecond bandwidth{0};
    Seconds latency{0};
    std::size_t links = 1;  ///< it crosses: 1 from the nearest tier
  };

  TierPath(const std::vector<TierConfig>& tiers, const CacheShape& shape, Bytes expert_bytes);

  /// The path of a copy to the GPU, which leaves the expert in every tier it passes.
  Path fetch(ExpertId id);
  /// Of one expert from the nearest tier.
  Seconds idle_time(Bytes bytes) const {
    return paths_.front().latency + bytes / paths_.front().bandwidth;
  }

 private:
  std::vector<Path> paths_;                           ///< from every tier to the GPU
  std::vector<std::unique_ptr<ExpertCache>> caches_;  ///< null: the tier has all experts
  std::int64_t fetches_ = 0;
};

}  // namespace moesim
