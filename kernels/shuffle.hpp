// The order in which points are measured: shuffled by the seed, so that slow drift (temperature,
// clocks, neighbours) does not look like an effect of size. The same seed gives the same order on
// any machine, which std::shuffle does not promise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace moesim::kernels {

/// Fisher-Yates with the 64-bit linear congruential generator of Knuth's MMIX.
template <class Point>
void shuffle_points(std::vector<Point>& points, std::uint64_t seed) {
  std::uint64_t state = seed;
  for (std::size_t i = points.size(); i > 1; --i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    std::swap(points[i - 1], points[(state >> 33) % i]);
  }
}

}  // namespace moesim::kernels
