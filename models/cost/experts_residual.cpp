#include <Eigen/Cholesky>
#include <bit>
#include <limits>

#include "models/cost/interpolate.hpp"
#include "models/cost/residual.hpp"

namespace moesim {
namespace {

double log_of(std::int64_t value) { return log_of_count(value); }

/// By how many rows a library chose its kernels for another model says nothing of this one: with
/// it, unseen shapes are worse by up to 3 points at the 90th percentile and better by at most 0.3.
template <class Paths>
void forget_kernel_choice(Paths& paths) {
  for (auto& path : paths)
    for (auto& piece : path.pieces) {
      piece.steps = 0;
      piece.mean = piece.mean_slope = 0;
    }
}

/// Points are stored to this many natural logarithms.
constexpr double kStored = 1e-6;

}  // namespace

/// Of a model that is not known, the mean over the rank.
ExpertsResidual::Place ExpertsResidual::place_of(const Family& family, const ExpertLoad& load,
                                                 std::int64_t tokens) {
  Place place{log_of(load.assigned), log_of(load.most), log_of(load.active), 0, 0};
  const bool known = family.experts > 0 && family.topk > 0 && tokens > 0;
  const auto rows = known ? tokens * family.topk : load.assigned;
  const auto experts = known ? family.experts : family.local;
  place.mean = log_of(rows) - log_of(experts);
  const auto whole = (rows + experts - 1) / experts;
  place.step = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(whole - 1)));
  return place;
}

ExpertsResidual::Path ExpertsResidual::path_along(const Family& family,
                                                  const std::vector<Point>& curve) {
  constexpr double endless = std::numeric_limits<double>::infinity();
  const auto level = [&](const Point& p) {
    const auto assigned = std::max<std::int64_t>(1, std::llround(std::exp(p.log_assigned)));
    const auto place = place_of(family, {assigned, 1, 0, 1}, p.tokens);
    Piece piece;
    piece.start = static_cast<double>(p.log_assigned);
    piece.most = static_cast<double>(p.log_most);
    piece.active = static_cast<double>(p.log_active);
    piece.ratio = static_cast<double>(p.log_ratio);
    piece.mean = place.mean;
    piece.step = place.step;
    return piece;
  };
  Path path;
  path.pieces.push_back(level(curve.front()));
  path.pieces.back().from = -endless;
  for (std::size_t i = 0; i + 1 < curve.size(); ++i) {
    auto piece = level(curve[i]);
    const auto next = level(curve[i + 1]);
    const double width = next.start - piece.start, change = next.ratio - piece.ratio;
    piece.from = piece.start;
    piece.most_slope = (next.most - piece.most) / width;
    piece.active_slope = (next.active - piece.active) / width;
    piece.mean_slope = (next.mean - piece.mean) / width;
    piece.ratio_slope = change / width;
    piece.steps = next.step - piece.step;
    if (piece.steps > 0) piece.per_step = change / piece.steps;
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
Residual ExpertsResidual::in_family(std::vector<Path>& paths, const Place& place) const {
  double sum = 0, weights = 0;
  bool inside = false;
  for (auto& path : paths) {
    const Piece* piece = &path.pieces[path.last];
    while (place.assigned < piece->from) --piece;
    while (place.assigned >= piece->to) ++piece;
    path.last = static_cast<std::size_t>(piece - path.pieces.data());
    const double along = place.assigned - piece->start;
    const bool level = path.last == 0 || path.last + 1 == path.pieces.size();
    const double outside = level && std::fabs(along) > kStored ? std::fabs(along) : 0;
    double change = along * piece->ratio_slope;
    if (piece->steps > 0) {
      const int steps = std::clamp(place.step - piece->step, 0, piece->steps);
      change += shares_.steps * (steps * piece->per_step - change);
    }
    const double d_most = piece->most + along * piece->most_slope - place.most,
                 d_active = piece->active + along * piece->active_slope - place.active,
                 d_mean = piece->mean + along * piece->mean_slope - place.mean;
    const double weight =
        1 / (d_most * d_most + d_active * d_active + d_mean * d_mean + outside * outside + 0.003);
    sum += fade(outside) * (piece->ratio + change) * weight;
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

/// The family itself, or, of a model that is not known, all that leave a rank the same experts.
ExpertsResidual::Near ExpertsResidual::measured(const Family& family) const {
  const auto same = [](std::int64_t a, std::int64_t b) { return a == 0 || b == 0 || a == b; };
  Near found;
  for (const auto& entry : families_) {
    const auto& other = entry.first;
    if (other.hidden == family.hidden && other.intermediate == family.intermediate &&
        other.local == family.local && same(other.experts, family.experts) &&
        same(other.topk, family.topk))
      found.emplace_back(&entry, 1.0);
  }
  for (auto& [_, weight] : found) weight /= static_cast<double>(found.size());
  return found;
}

namespace {

// Kriging (Cressie, Statistics for Spatial Data, 1993, section 3.2) of zero mean, where the form is
// right: a Matern kernel of smoothness 3/2 over the logarithms of a family's numbers, each in units
// of the range over which residuals are alike, and the variance of what shapes do not explain.
// Ranges and noise: the smallest errors, over the fit parts of 24 kernels of six tables, when a
// fifth of their models is predicted from the others (aiconfigurator, 2026-11): 0.80 of the form's
// loss on average, 0.80 to 0.86 for others of 72 settings (ranges of a third to twice these).
constexpr double kRangeOfWidth = 3, kRangeOfLocal = 1.5, kRangeOfModel = 4, kNoise = 0.1;
constexpr std::size_t kNeighbours = 8;  // 12 and 24 say the same within 0.5 points

/// Squared; a model that is not known is like any.
double distance(const ExpertsResidual::Family& a, const ExpertsResidual::Family& b) {
  const auto apart = [](std::int64_t x, std::int64_t y, double range) {
    if (x == 0 || y == 0) return 0.0;
    const double logs = (log_of(x) - log_of(y)) / range;
    return logs * logs;
  };
  return apart(a.hidden, b.hidden, kRangeOfWidth) +
         apart(a.intermediate, b.intermediate, kRangeOfWidth) +
         apart(a.local, b.local, kRangeOfLocal) + apart(a.experts, b.experts, kRangeOfModel) +
         apart(a.topk, b.topk, kRangeOfModel);
}

double correlation(double squared_distance) {
  const double d = std::sqrt(3 * squared_distance);
  return (1 + d) * quick_exp(-d);
}

}  // namespace

ExpertsResidual::Near ExpertsResidual::neighbours_of(const Family& family) const {
  Near near;
  for (const auto& entry : families_) near.emplace_back(&entry, distance(entry.first, family));
  std::ranges::stable_sort(near, {}, &Near::value_type::second);
  near.resize(std::min(near.size(), kNeighbours));
  const auto n = std::ssize(near);
  Eigen::MatrixXd among(n, n);
  Eigen::VectorXd to(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto& [entry, squared] = near[static_cast<std::size_t>(i)];
    to[i] = correlation(squared);
    for (Eigen::Index j = 0; j < n; ++j)
      among(i, j) =
          correlation(distance(entry->first, near[static_cast<std::size_t>(j)].first->first));
    among(i, i) += kNoise;
  }
  const Eigen::VectorXd weights = among.ldlt().solve(to);
  for (Eigen::Index i = 0; i < n; ++i) near[static_cast<std::size_t>(i)].second = weights[i];
  return near;
}

// A family that was measured is itself. Otherwise its neighbours count by the share that the fit
// found: kernels that were tuned for one model say little about another.
ExpertsResidual::Prepared& ExpertsResidual::prepare(const Family& family) const {
  for (auto& known : prepared_)
    if (known.wanted == family) return known;
  Prepared made{family, {}, true};
  auto near = measured(family);
  double share = 1;
  if (near.empty()) {
    made.known = false;
    share = shares_.neighbours;
    if (share > 0) near = neighbours_of(family);
  }
  for (const auto& [entry, weight] : near) {
    Paths paths{share * weight, {}};
    for (const auto& curve : entry->second)
      paths.of_family.push_back(path_along(entry->first, curve));
    if (!made.known) forget_kernel_choice(paths.of_family);
    made.near.push_back(std::move(paths));
  }
  prepared_.push_back(std::move(made));
  return prepared_.back();
}

Residual ExpertsResidual::at(const ExpertWork& work, const ExpertLoad& load) const {
  if (families_.empty() || load.assigned == 0) return {};
  auto& prepared = prepare(family_of(work));
  auto place = place_of(prepared.wanted, load, work.tokens);
  if (!prepared.known) place.mean = 0;
  Residual result;
  for (auto& [weight, paths] : prepared.near) {
    const auto one = in_family(paths, place);
    result.log_ratio += weight * one.log_ratio;
    result.inside = prepared.known && one.inside;
  }
  return result;
}

}  // namespace moesim
