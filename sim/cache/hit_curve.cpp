#include "sim/cache/hit_curve.hpp"

namespace moesim {

std::vector<HitCurve> hit_curves(
    const Accesses& accesses, const std::vector<Choice<CachePolicy>>& policies,
    const CurveOptions& options,
    const std::function<void(const std::string&, std::int64_t)>& progress) {
  const FutureUses future(accesses);
  const auto known = popularity(accesses);
  const auto& shape = accesses.shape();
  std::vector<HitCurve> curves;
  for (const auto& policy : policies) {
    auto& curve = curves.emplace_back(policy.type, std::vector<double>{});
    for (const auto per_layer : options.slots) {
      if (progress) progress(policy.type, per_layer);
      const bool pool = options.sharing == SlotSharing::pool;
      const auto slots = pool ? per_layer * shape.layers : per_layer;
      ExpertCache cache(shape, options.sharing, slots,
                        policy.make({shape, slots, options.replay.arrival == Arrival::staged,
                                     options.seed, known, &future}));
      curve.hit_rate.push_back(replay(accesses, cache, options.replay).hit_rate());
    }
  }
  return curves;
}

}  // namespace moesim
