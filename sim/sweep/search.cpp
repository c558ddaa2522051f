#include "sim/sweep/search.hpp"

#include <algorithm>
#include <numeric>
#include <set>

namespace moesim {
namespace {

/// Fisher and Yates; draws start at `first`.
std::vector<std::size_t> permutation(std::size_t n, const RandomStream& random,
                                     std::uint64_t first) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(first + i, i)]);
  return order;
}

}  // namespace

std::vector<std::size_t> shuffled_designs(const SweepSpace& space, const RandomStream& random) {
  return permutation(space.designs(), random, 0);
}

std::vector<std::size_t> latin_hypercube(const SweepSpace& space, std::size_t count,
                                         const RandomStream& random) {
  count = std::min(count, space.designs());
  const auto& axes = space.file().axes;
  std::vector<std::vector<int>> choices(count, std::vector<int>(axes.size()));
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const auto strata = permutation(count, random, (a + 1) << 32);
    for (std::size_t i = 0; i < count; ++i)
      choices[i][a] = static_cast<int>(strata[i] * axes[a].values.size() / count);
  }
  std::vector<std::size_t> designs;
  std::set<std::size_t> taken;
  for (const auto& choice : choices)
    if (const auto design = space.find(choice); design < space.designs())
      if (taken.insert(design).second) designs.push_back(design);
  for (const auto design : shuffled_designs(space, random))
    if (designs.size() < count && taken.insert(design).second) designs.push_back(design);
  return designs;
}

}  // namespace moesim
