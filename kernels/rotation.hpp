// How often the memory of a point is repeated, so that the cache holds what the point's `l2` column
// says: `rotate` goes round as many sets as are cold together, twice the cache, so that every pass
// reads cold memory; `hot` goes over one set again and again, for points that fit in half of the
// cache. A point that would need more than kMostSets to be cold has no rotate row: a replayed graph
// holds one pass per set, and so small a point is hot in any real run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace moesim::kernels {

constexpr std::size_t kMostSets = 2048;

/// Numbers of buffers that passes rotate over so that none finds its data in the cache: at least
/// one, and a multiple of what one pass uses.
constexpr std::size_t sets_to_rotate(std::size_t cold_bytes, std::size_t bytes_of_one_pass) {
  if (bytes_of_one_pass == 0) return 1;
  return std::max<std::size_t>(1, (cold_bytes + bytes_of_one_pass - 1) / bytes_of_one_pass);
}

/// What operations ask of a device whose points rotate: RotatingOnCpu and RotatingOnGpu answer for
/// one kind.
class RotatingDevice {
 public:
  virtual ~RotatingDevice() = default;
  virtual std::string name() const = 0;
  virtual std::string library() const = 0;
  virtual std::size_t cache_bytes() const = 0;   ///< last level
  virtual std::size_t memory_bytes() const = 0;  ///< what the sets may take
};

struct Rotation {
  bool hot = false;
  std::size_t sets = 1;
};

/// `cold_bytes` is twice the cache.
inline std::vector<Rotation> rotations(std::size_t footprint_bytes, std::size_t cold_bytes,
                                       std::size_t memory_bytes) {
  std::vector<Rotation> ways;
  ways.reserve(2);
  if (footprint_bytes == 0 || footprint_bytes > memory_bytes) return ways;
  if (footprint_bytes <= cold_bytes / 4) ways.push_back({true, 1});
  const std::size_t sets = sets_to_rotate(cold_bytes, footprint_bytes);
  if (sets <= kMostSets && sets * footprint_bytes <= memory_bytes) ways.push_back({false, sets});
  return ways;
}

}  // namespace moesim::kernels
