// How often the memory of a point is repeated, so that the cache holds what the point's `l2` column
// says: `rotate` goes round as many sets as cover twice the cache, so that every pass reads cold
// memory; `hot` goes over one set again and again, for points that fit in half of the cache. A
// point that would need more than kMostSets to be cold has no rotate row: a replayed graph holds
// one pass per set, and so small a point is hot in any real run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace moesim::kernels {

constexpr std::size_t kMostSets = 2048;

struct Rotation {
  bool hot = false;
  std::size_t sets = 1;
};

inline std::vector<Rotation> rotations(std::size_t footprint_bytes, std::size_t cache_bytes,
                                       std::size_t memory_bytes) {
  std::vector<Rotation> ways;
  if (footprint_bytes == 0 || footprint_bytes > memory_bytes) return ways;
  if (footprint_bytes <= cache_bytes / 2) ways.push_back({true, 1});
  const std::size_t sets =
      std::max<std::size_t>(1, (2 * cache_bytes + footprint_bytes - 1) / footprint_bytes);
  if (sets <= kMostSets && sets * footprint_bytes <= memory_bytes) ways.push_back({false, sets});
  return ways;
}

}  // namespace moesim::kernels
