#include <array>
#include <limits>

#include "models/cost/interpolate.hpp"
#include "models/cost/residual.hpp"

namespace moesim {

GemmResidual::GemmResidual(std::vector<std::int64_t> m, std::vector<Curve> curves)
    : m_(std::move(m)), log_m_(logs_of(m_)), curves_(std::move(curves)) {}

// Inverse squared distances over the eight nearest (log n, log k); a measured pair is itself.
GemmResidual::Prepared& GemmResidual::prepare(std::int64_t n, std::int64_t k) const {
  for (auto& known : prepared_)
    if (known.n == n && known.k == k) return known;
  const double log_n = quick_log(static_cast<double>(n)), log_k = quick_log(static_cast<double>(k));
  std::vector<std::pair<double, const Curve*>> near;
  double low_n = 1e9, high_n = -1e9, low_k = 1e9, high_k = -1e9;
  for (const auto& curve : curves_) {
    const double cn = quick_log(static_cast<double>(curve.n)),
                 ck = quick_log(static_cast<double>(curve.k));
    near.emplace_back((cn - log_n) * (cn - log_n) + (ck - log_k) * (ck - log_k), &curve);
    low_n = std::min(low_n, cn), high_n = std::max(high_n, cn);
    low_k = std::min(low_k, ck), high_k = std::max(high_k, ck);
  }
  std::ranges::stable_sort(near, {}, &std::pair<double, const Curve*>::first);
  near.resize(std::min<std::size_t>(near.size(), 8));
  Prepared made{
      n, k, log_n >= low_n && log_n <= high_n && log_k >= low_k && log_k <= high_k, {}, 0};
  const double outside =
      std::max({0.0, low_n - log_n, log_n - high_n, low_k - log_k, log_k - high_k});
  for (std::size_t i = 0; i < m_.size(); ++i) {
    double sum = 0, weights = 0;
    for (const auto& [squared, curve] : near) {
      const double value = static_cast<double>(curve->log_ratio[i]);
      if (std::isnan(value)) continue;
      if (squared < 1e-12) {
        sum = value, weights = 1;
        break;
      }
      sum += value / squared, weights += 1 / squared;
    }
    made.log_ratio.push_back(weights > 0 ? fade(outside) * sum / weights : 0);
  }
  prepared_.push_back(std::move(made));
  return prepared_.back();
}

Residual GemmResidual::at(std::int64_t m, std::int64_t n, std::int64_t k) const {
  if (curves_.empty()) return {};
  auto& curve = prepare(n, k);
  const auto place = place_on(log_m_, log_of_count(m), curve.near);
  const double low = curve.log_ratio[place.below], high = curve.log_ratio[place.above];
  return {fade(place.outside) * (low + place.share * (high - low)),
          curve.inside && place.outside <= 0};
}

}  // namespace moesim
