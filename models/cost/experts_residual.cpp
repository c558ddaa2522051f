#include <limits>

#include "models/cost/interpolate.hpp"
#include "models/cost/residual.hpp"

namespace moesim {
namespace {

double log_of(std::int64_t value) { return log_of_count(value); }

/// Points are stored to this many natural logarithms.
constexpr double kStored = 1e-6;

}  // namespace

ExpertsResidual::Path ExpertsResidual::path_along(const std::vector<Point>& curve) {
  constexpr double endless = std::numeric_limits<double>::infinity();
  const auto level = [](const Point& p) {
    const auto value = [](float x) { return static_cast<double>(x); };
    Piece piece;
    piece.start = value(p.log_assigned);
    piece.most = value(p.log_most);
    piece.active = value(p.log_active);
    piece.ratio = value(p.log_ratio);
    return piece;
  };
  Path path;
  path.pieces.push_back(level(curve.front()));
  path.pieces.back().from = -endless;
  for (std::size_t i = 0; i + 1 < curve.size(); ++i) {
    auto piece = level(curve[i]);
    const auto next = level(curve[i + 1]);
    const double width = next.start - piece.start;
    piece.from = piece.start;
    piece.most_slope = (next.most - piece.most) / width;
    piece.active_slope = (next.active - piece.active) / width;
    piece.ratio_slope = (next.ratio - piece.ratio) / width;
    path.pieces.back().to = piece.from;
    path.pieces.push_back(piece);
  }
  auto beyond = level(curve.back());
  beyond.from = path.pieces.back().to = beyond.start;
  beyond.to = endless;
  path.pieces.push_back(beyond);
  return path;
}

/// Between the curves of one family: the nearer a curve's way of loading the experts, the more it
/// counts.
Residual ExpertsResidual::in_family(std::vector<Path>& paths, const ExpertLoad& load) {
  const double assigned = log_of(load.assigned), most = log_of(load.most),
               active = log_of(load.active);
  double sum = 0, weights = 0;
  bool inside = false;
  for (auto& path : paths) {
    const Piece* piece = &path.pieces[path.last];
    while (assigned < piece->from) --piece;
    while (assigned >= piece->to) ++piece;
    path.last = static_cast<std::size_t>(piece - path.pieces.data());
    const double along = assigned - piece->start;
    const bool level = path.last == 0 || path.last + 1 == path.pieces.size();
    const double outside = level && std::fabs(along) > kStored ? std::fabs(along) : 0;
    const double d_most = piece->most + along * piece->most_slope - most,
                 d_active = piece->active + along * piece->active_slope - active,
                 ratio = piece->ratio + along * piece->ratio_slope;
    const double weight = 1 / (d_most * d_most + d_active * d_active + outside * outside + 0.003);
    sum += fade(outside) * ratio * weight;
    weights += weight;
    inside = inside || outside <= 0;
  }
  return {sum / weights, inside};
}

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
ExpertsResidual::Prepared& ExpertsResidual::prepare(const Family& family) const {
  for (auto& known : prepared_)
    if (known.wanted == family) return known;
  Prepared made{family, {}, true};
  auto near = twins_of(family, false);
  double share = 1;
  if (near.empty()) {
    made.known = false;
    share = shares_.twins;
    near = twins_of(family, true);
    if (near.empty()) {
      share = shares_.neighbours;
      near = neighbours_of(family);
    }
  }
  if (share <= 0) near.clear();
  for (const auto& [curves, weight] : near) {
    Paths paths{share * weight, {}};
    for (const auto& curve : *curves) paths.of_family.push_back(path_along(curve));
    made.near.push_back(std::move(paths));
  }
  prepared_.push_back(std::move(made));
  return prepared_.back();
}

Residual ExpertsResidual::at(const ExpertWork& work, const ExpertLoad& load) const {
  if (families_.empty() || load.assigned == 0) return {};
  auto& prepared = prepare(family_of(work));
  Residual result;
  for (auto& [weight, paths] : prepared.near) {
    const auto one = in_family(paths, load);
    result.log_ratio += weight * one.log_ratio;
    result.inside = prepared.known && one.inside;
  }
  return result;
}

}  // namespace moesim
