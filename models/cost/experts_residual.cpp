#include "models/cost/interpolate.hpp"
#include "models/cost/residual.hpp"

namespace moesim {
namespace {

double log_of(std::int64_t value) { return log_of_count(value); }

using Point = ExpertsResidual::Point;

struct OnCurve {
  double log_most = 0, log_active = 0, log_ratio = 0, outside = 0;
};

OnCurve point_at(const std::vector<Point>& curve, double log_assigned) {
  const auto value = [](float x) { return static_cast<double>(x); };
  const auto as_is = [&](const Point& p, double outside) {
    return OnCurve{value(p.log_most), value(p.log_active), value(p.log_ratio), outside};
  };
  if (log_assigned <= value(curve.front().log_assigned))
    return as_is(curve.front(), value(curve.front().log_assigned) - log_assigned);
  if (log_assigned >= value(curve.back().log_assigned))
    return as_is(curve.back(), log_assigned - value(curve.back().log_assigned));
  const auto above =
      std::ranges::upper_bound(curve, static_cast<float>(log_assigned), {}, &Point::log_assigned);
  if (above == curve.end()) return as_is(curve.back(), 0);
  const Point &a = *(above - 1), &b = *above;
  const double t =
      (log_assigned - value(a.log_assigned)) / (value(b.log_assigned) - value(a.log_assigned));
  const auto mix = [&](float x, float y) { return value(x) + t * (value(y) - value(x)); };
  return {mix(a.log_most, b.log_most), mix(a.log_active, b.log_active),
          mix(a.log_ratio, b.log_ratio), 0};
}

/// Between the curves of one family: the nearer a curve's way of loading the experts, the more it
/// counts.
Residual in_family(const ExpertsResidual::Curves& curves, const ExpertLoad& load) {
  const double assigned = log_of(load.assigned), most = log_of(load.most),
               active = log_of(load.active);
  double sum = 0, weights = 0;
  bool inside = false;
  for (const auto& curve : curves) {
    const auto p = point_at(curve, assigned);
    const double d_most = p.log_most - most, d_active = p.log_active - active;
    const double squared = d_most * d_most + d_active * d_active + p.outside * p.outside + 0.003;
    sum += fade(p.outside) * p.log_ratio / squared;
    weights += 1 / squared;
    inside = inside || p.outside <= 0;
  }
  return {sum / weights, inside};
}

}  // namespace

ExpertsResidual::ExpertsResidual(std::map<Family, Curves> families, Shares shares)
    : families_(std::move(families)), shares_(shares) {}

ExpertsResidual::Family ExpertsResidual::family_of(const ExpertWork& work) {
  return {work.hidden, work.intermediate, std::ssize(work.tokens_per_expert), work.experts,
          work.topk};
}

/// Measured families that leave a rank the same experts: those of its own model, of all where it
/// does not say which, or `of_any_model`.
ExpertsResidual::Near ExpertsResidual::twins_of(const Family& family, bool of_any_model) const {
  const auto same = [&](std::int64_t a, std::int64_t b) {
    return of_any_model || a == 0 || b == 0 || a == b;
  };
  Near twins;
  for (const auto& [other, curves] : families_)
    if (other.hidden == family.hidden && other.intermediate == family.intermediate &&
        other.local == family.local && same(other.experts, family.experts) &&
        same(other.topk, family.topk))
      twins.emplace_back(&curves, 1.0);
  for (auto& [_, weight] : twins) weight /= static_cast<double>(twins.size());
  return twins;
}

/// The four nearest by (hidden, intermediate, local), less the further they are.
ExpertsResidual::Near ExpertsResidual::neighbours_of(const Family& family) const {
  Near near;
  for (const auto& [other, curves] : families_) {
    const double h = log_of(other.hidden) - log_of(family.hidden),
                 i = log_of(other.intermediate) - log_of(family.intermediate),
                 l = log_of(other.local) - log_of(family.local);
    near.emplace_back(&curves, h * h + i * i + l * l);
  }
  std::ranges::stable_sort(near, {}, &Near::value_type::second);
  near.resize(std::min<std::size_t>(near.size(), 4));
  double weights = 0;
  for (const auto& [_, squared] : near) weights += 1 / (squared + 0.01);
  for (auto& [_, weight] : near) weight = fade(std::sqrt(weight)) / (weight + 0.01) / weights;
  return near;
}

// A family that was measured is itself. Otherwise twins and neighbours count by the shares that the
// fit found: kernels that were tuned for one model say little about another.
const ExpertsResidual::Prepared& ExpertsResidual::prepare(const Family& family) const {
  for (const auto& known : prepared_)
    if (known.wanted == family) return known;
  Prepared made{family, twins_of(family, false), true};
  if (made.near.empty()) {
    made.known = false;
    double share = shares_.twins;
    made.near = twins_of(family, true);
    if (made.near.empty()) {
      share = shares_.neighbours;
      made.near = neighbours_of(family);
    }
    if (share <= 0) made.near.clear();
    for (auto& [_, weight] : made.near) weight *= share;
  }
  prepared_.push_back(std::move(made));
  return prepared_.back();
}

Residual ExpertsResidual::at(const ExpertWork& work, const ExpertLoad& load) const {
  if (families_.empty() || load.assigned == 0) return {};
  const auto& prepared = prepare(family_of(work));
  Residual result;
  for (const auto& [curves, weight] : prepared.near) {
    const auto one = in_family(*curves, load);
    result.log_ratio += weight * one.log_ratio;
    result.inside = prepared.known && one.inside;
  }
  return result;
}

}  // namespace moesim
