// A prediction: the form's time, carried onto the measured curve. A curve is measured time over the
// form's time, both as logarithms, straight between measured sizes; so it follows the form's bend
// between two points, never falls, and serves shapes near it at the same form time.
#include <algorithm>
#include <cmath>

#include "models/cost/collective_profile.hpp"
#include "models/cost/interpolate.hpp"

namespace moesim {
namespace {

double log_extent(std::int64_t extent) {
  return portable_log(static_cast<double>(std::max<std::int64_t>(extent, 1)));
}

}  // namespace

double CollectiveForm::time_s(const CollectiveWork& work) const {
  return start.value + work.bytes / bandwidth.value + root_s * std::sqrt(work.bytes) +
         per_token.value * work.tokens + per_expert.value * work.experts;
}

void CollectiveFit::prepare() {
  prepared_.clear();
  for (auto& curve : curves) {
    if (curve.sizes.empty()) curve.sizes = sizes;
    Prepared p;
    p.shape = curve.shape();
    p.log_hidden = log_extent(p.shape.hidden);
    p.log_topk = log_extent(p.shape.topk);
    for (std::size_t i = 0; i < curve.sizes.size(); ++i) {
      const double log_form =
          portable_log(form.time_s(curve.work(static_cast<double>(curve.sizes[i]))));
      const double log_measured = log_form + 1e-3 * static_cast<double>(curve.log_ratio[i]);
      p.log_form.push_back(log_form);
      p.log_time.push_back(i == 0 ? log_measured : std::max(log_measured, p.log_time.back()));
    }
    prepared_.push_back(std::move(p));
  }
}

double CollectiveFit::log_time(const Prepared& curve, double log_form) const {
  const auto place = place_on(curve.log_form, log_form);
  const double low = curve.log_time[place.below], high = curve.log_time[place.above];
  if (place.outside <= 0) return low + place.share * (high - low);
  const double log_ratio = low - curve.log_form[place.below];
  // Below the smallest message the start-up is what was measured there; beyond the largest one the
  // form speaks more and more.
  if (log_form < curve.log_form.front()) return log_form + log_ratio;
  return std::max(low, log_form + log_ratio * fade(place.outside));
}

Prediction CollectiveFit::predict_form(const CollectiveWork& work) const {
  if (work.bytes <= 0) return {Seconds(0), CostTier::fit, true};
  return {Seconds(form.time_s(work)), CostTier::fit, bytes.holds(work.bytes)};
}

Prediction CollectiveFit::predict(const CollectiveWork& work, const TokenShape& shape) const {
  auto result = predict_form(work);
  if (work.bytes <= 0 || prepared_.empty()) return result;
  const double log_form = portable_log(result.time.value);
  result.tier = CostTier::residual;
  const auto known = std::ranges::find(prepared_, shape, &Prepared::shape);
  if (known != prepared_.end()) {
    result.time = Seconds(portable_exp(log_time(*known, log_form)));
    return result;
  }
  // How far two shapes lie apart: natural logarithms in width and in experts per token. Shapes a
  // factor of 1.1 apart count a hundred times as much as those a factor of e apart.
  const double log_hidden = log_extent(shape.hidden), log_topk = log_extent(shape.topk);
  double sum = 0, weights = 0;
  for (const auto& curve : prepared_) {
    const double wider = log_hidden - curve.log_hidden, more = log_topk - curve.log_topk;
    const double weight = 1 / (wider * wider + more * more + 0.01);
    sum += weight * log_time(curve, log_form);
    weights += weight;
  }
  result.time = Seconds(portable_exp(sum / weights));
  return result;
}

}  // namespace moesim
