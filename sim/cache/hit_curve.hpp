// Hit rates of policies over cache sizes, from recorded accesses: what `moesim cache` prints. Knows
// no time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/cache/expert_cache.hpp"

namespace moesim {

struct HitCurve {
  std::string policy;
  std::vector<double> hit_rate;  ///< by size
};

struct CurveOptions {
  std::vector<std::int64_t> slots;  ///< of a layer; a pool has as many for all layers together
  SlotSharing sharing = SlotSharing::layer;
  ReplayOptions replay;
  std::uint64_t seed = 1;
};

/// `progress` is called before every replay with the policy and the slots. Throws InputError when a
/// policy cannot be built.
std::vector<HitCurve> hit_curves(
    const Accesses& accesses, const std::vector<Choice<CachePolicy>>& policies,
    const CurveOptions& options,
    const std::function<void(const std::string&, std::int64_t)>& progress = {});

}  // namespace moesim
