#include <algorithm>
#include <numeric>

#include "sim/transport/collective.hpp"

namespace moesim {
namespace {

/// Seconds per byte over every hop, asymmetric.
class Costs {
 public:
  explicit Costs(const Collective::Context& context)
      : ranks_(static_cast<std::size_t>(context.ranks)), cost_(ranks_ * ranks_, 0) {
    for (std::size_t a = 0; a < ranks_; ++a)
      for (std::size_t b = 0; b < ranks_; ++b)
        if (a != b)
          cost_[a * ranks_ + b] =
              1 / context.bandwidth(static_cast<int>(a), static_cast<int>(b)).value;
  }
  double hop(int a, int b) const {
    return cost_[static_cast<std::size_t>(a) * ranks_ + static_cast<std::size_t>(b)];
  }
  double tour(const std::vector<int>& order) const {
    double sum = 0;
    for (std::size_t i = 0; i < order.size(); ++i)
      sum += hop(order[i], order[(i + 1) % order.size()]);
    return sum;
  }

 private:
  std::size_t ranks_;
  std::vector<double> cost_;
};

std::vector<int> by_rank(std::int64_t ranks) {
  std::vector<int> order(static_cast<std::size_t>(ranks));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::vector<int> best_of_all(const Costs& costs, std::int64_t ranks) {
  auto order = by_rank(ranks), best = order;
  double least = costs.tour(order);
  while (std::next_permutation(order.begin() + 1, order.end()))
    if (const double sum = costs.tour(order); sum < least) least = sum, best = order;
  return best;
}

std::vector<int> nearest_neighbour(const Costs& costs, std::int64_t ranks) {
  auto order = by_rank(ranks);
  for (std::size_t i = 1; i < order.size(); ++i) {
    const auto next =
        std::ranges::min_element(order.begin() + static_cast<std::ptrdiff_t>(i), order.end(), {},
                                 [&](int r) { return costs.hop(order[i - 1], r); });
    std::iter_swap(order.begin() + static_cast<std::ptrdiff_t>(i), next);
  }
  return order;
}

/// Reversals and moves of one rank while the tour gets shorter.
std::vector<int> improved(const Costs& costs, std::vector<int> order) {
  double least = costs.tour(order);
  const auto size = static_cast<std::ptrdiff_t>(order.size());
  const auto keep_if_shorter = [&](const std::vector<int>& tried) {
    const double sum = costs.tour(tried);
    if (sum >= least * (1 - 1e-12)) return false;
    least = sum, order = tried;
    return true;
  };
  for (bool better = true; better;) {
    better = false;
    for (std::ptrdiff_t i = 1; i < size; ++i)
      for (std::ptrdiff_t j = 1; j < size; ++j) {
        if (i == j) continue;
        auto moved = order;
        const int rank = moved[static_cast<std::size_t>(i)];
        moved.erase(moved.begin() + i);
        moved.insert(moved.begin() + j, rank);
        better = keep_if_shorter(moved) || better;
        if (i > j) continue;
        auto reversed = order;
        std::reverse(reversed.begin() + i, reversed.begin() + j + 1);
        better = keep_if_shorter(reversed) || better;
      }
  }
  return order;
}

}  // namespace

const std::vector<std::string>& names_of(RingOrder) {
  static const std::vector<std::string> names = {"rank", "bandwidth-aware"};
  return names;
}

std::vector<int> ring_order(RingOrder order, const Collective::Context& context) {
  if (order == RingOrder::rank || context.ranks < 3 || !context.bandwidth)
    return by_rank(context.ranks);
  const Costs costs(context);
  if (context.ranks <= 9) return best_of_all(costs, context.ranks);
  return improved(costs, nearest_neighbour(costs, context.ranks));
}

}  // namespace moesim
