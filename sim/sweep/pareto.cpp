#include "sim/sweep/pareto.hpp"

#include <algorithm>
#include <numeric>

namespace moesim {
namespace {

bool dominates(const std::vector<double>& a, const std::vector<double>& b) {
  bool better = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better = better || a[i] < b[i];
  }
  return better;
}

/// The front scaled to the unit square, so that depth does not depend on units.
std::vector<std::vector<double>> scaled(std::span<const std::vector<double>> front) {
  std::vector<std::vector<double>> points(front.begin(), front.end());
  for (std::size_t d = 0; d < 2; ++d) {
    const auto by = [d](const auto& a, const auto& b) { return a[d] < b[d]; };
    const auto [low, high] = std::minmax_element(front.begin(), front.end(), by);
    const double from = (*low)[d];
    const double range = (*high)[d] - from;
    for (auto& point : points) point[d] = range > 0 ? (point[d] - from) / range : 0;
  }
  return points;
}

struct Deepest {
  std::size_t at = 0;
  double depth = 0;
};

/// Vertical distance below the chord from point `a` to point `b`.
Deepest deepest_between(const std::vector<std::vector<double>>& points, std::size_t a,
                        std::size_t b) {
  Deepest best;
  const double width = points[b][0] - points[a][0];
  for (std::size_t i = a + 1; i < b; ++i) {
    const double share = width > 0 ? (points[i][0] - points[a][0]) / width : 0;
    const double chord = points[a][1] + share * (points[b][1] - points[a][1]);
    if (chord - points[i][1] > best.depth) best = {i, chord - points[i][1]};
  }
  return best;
}

}  // namespace

std::vector<std::size_t> pareto_front(std::span<const std::vector<double>> costs) {
  std::vector<std::size_t> order(costs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return costs[a] != costs[b] ? costs[a] < costs[b] : a < b;
  });
  std::vector<std::size_t> front;
  for (const auto i : order) {  // whoever dominates a point stands before it
    const auto beaten = [&](std::size_t j) { return dominates(costs[j], costs[i]); };
    if (std::ranges::none_of(front, beaten)) front.push_back(i);
  }
  return front;
}

std::vector<std::size_t> knees_of(std::span<const std::vector<double>> front, std::size_t most,
                                  double depth) {
  if (front.size() < 3) return {};
  const auto points = scaled(front);
  std::vector<std::size_t> stops = {0, front.size() - 1};
  while (stops.size() - 2 < most) {
    Deepest best;
    for (std::size_t i = 0; i + 1 < stops.size(); ++i) {
      const auto found = deepest_between(points, stops[i], stops[i + 1]);
      if (found.depth > best.depth) best = found;
    }
    if (best.depth < depth) break;
    stops.insert(std::ranges::upper_bound(stops, best.at), best.at);
  }
  return {stops.begin() + 1, stops.end() - 1};
}

}  // namespace moesim
