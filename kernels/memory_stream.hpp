// Operation memory_stream: one pass over large arrays, the way STREAM counts it. What is common to
// the CUDA program and its CPU twin: patterns, grid of points, data, the check of the result,
// columns and the run itself. A StreamDevice supplies the passes and their clock. It gives DRAM and
// cache bandwidth and how bandwidth ramps with bytes.
//
// Patterns over arrays a, b, c of floats: read sums a; write fills a; copy a = b; triad a = b + 0.5
// c. Does not model: strided or random access, more than one thread (CPU) or one GPU. `moved_bytes`
// counts each array once (J. D. McCalpin, STREAM, https://www.cs.virginia.edu/stream/ref.html); a
// cache that reads a line before it is written moves more than that.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/command_line.hpp"
#include "kernels/random_data.hpp"
#include "kernels/shuffle.hpp"
#include "kernels/table.hpp"
#include "kernels/timing.hpp"

namespace moesim::kernels {

enum class Pattern { kRead, kWrite, kCopy, kTriad };

constexpr const char* name_of(Pattern pattern) {
  constexpr const char* names[] = {"read", "write", "copy", "triad"};
  return names[static_cast<int>(pattern)];
}

constexpr std::size_t arrays_of(Pattern pattern) {
  return pattern == Pattern::kTriad ? 3 : pattern == Pattern::kCopy ? 2 : 1;
}

constexpr float kTriadFactor = 0.5F;
/// What the write pattern stores, in [2, 3): never what was there before, and one multiplication to
/// make.
constexpr float written_value(std::size_t index) {
  const std::uint32_t bits = static_cast<std::uint32_t>(index) * 2654435761U;
  return 2.0F + static_cast<float>(static_cast<std::int32_t>(bits >> 9)) * 0x1p-23F;
}

/// The memory is one pool of floats; array k of set s begins at (s * arrays + k) * elements.
/// `elements` is a multiple of four. Passes run in the order they were asked for.
class StreamDevice {
 public:
  virtual ~StreamDevice() = default;
  virtual std::string name() const = 0;
  virtual std::string library() const = 0;
  virtual std::size_t cache_bytes() const = 0;   ///< last level
  virtual std::size_t memory_bytes() const = 0;  ///< what the pool may take
  /// Makes a pool with pool[i] = stream_value(i, seed); the one before it is gone.
  virtual void fill(std::size_t pool_elements, std::uint64_t seed) = 0;
  virtual void run(Pattern pattern, std::size_t elements, std::size_t set) = 0;
  /// The sum of the read passes since fill().
  virtual double sum() = 0;
  virtual std::vector<float> fetch(std::size_t first, std::size_t count) = 0;
  /// Times passes that go round the sets 0 .. sets-1.
  virtual Sampler sampler(Pattern pattern, std::size_t elements, std::size_t sets) = 0;
};

/// Runs one pass over a length that fills no block evenly and compares all of it with a plain loop;
/// also that nothing behind the arrays was touched. Throws when it differs.
inline void check_result(StreamDevice& device, Pattern pattern, std::uint64_t seed) {
  constexpr std::size_t elements = std::size_t{4} * 65579;  // 65579 is a prime
  constexpr std::size_t guard = 4096;
  const std::size_t used = arrays_of(pattern) * elements;
  device.fill(used + guard, seed);
  device.run(pattern, elements, 0);
  const auto fail = [&](const std::string& what) {
    throw std::runtime_error("memory_stream " + std::string(name_of(pattern)) + ": wrong result, " +
                             what);
  };
  double expected_sum = 0;
  const std::vector<float> pool = device.fetch(0, used + guard);
  for (std::size_t i = 0; i < used + guard; ++i) {
    float expected = stream_value(i, seed);
    if (i < elements) {
      if (pattern == Pattern::kRead) expected_sum += static_cast<double>(expected);
      if (pattern == Pattern::kWrite) expected = written_value(i);
      if (pattern == Pattern::kCopy) expected = stream_value(elements + i, seed);
      if (pattern == Pattern::kTriad)
        expected =
            stream_value(elements + i, seed) + kTriadFactor * stream_value(2 * elements + i, seed);
    }
    if (!(std::fabs(pool[i] - expected) <= 1e-6F * expected))
      fail("at element " + std::to_string(i));
  }
  if (pattern != Pattern::kRead) return;
  // Partial sums in float err by some 1e-7 each; a missing block of values would be off by more
  // than 1e-4.
  if (!(std::fabs(device.sum() - expected_sum) <= 1e-5 * expected_sum))
    fail("sum " + std::to_string(device.sum()) + " instead of " + std::to_string(expected_sum));
}

struct StreamPoint {
  Pattern pattern = Pattern::kRead;
  std::size_t array_bytes = 0;
  bool hot =
      false;  ///< the same arrays again and again; otherwise enough sets that the cache never helps
  std::size_t sets = 1;  ///< sets of arrays that are gone round
};

inline std::size_t footprint(const StreamPoint& point) {
  return arrays_of(point.pattern) * point.array_bytes * point.sets;
}

/// All points that fit in `memory_bytes`, in an order shuffled by the seed. Rotation goes over at
/// least twice the cache; hot points are those that fit in half of it.
inline std::vector<StreamPoint> plan_points(const Options& options, std::size_t cache_bytes,
                                            std::size_t memory_bytes) {
  std::vector<std::size_t> sizes_mib = {1, 4, 16, 64, 256, 1024, 4096};
  if (options.short_mode) sizes_mib = {1, 4};
  std::vector<StreamPoint> points;
  for (const std::size_t size_mib : sizes_mib) {
    if (static_cast<double>(size_mib) > options.max_mib) continue;
    for (const Pattern pattern :
         {Pattern::kRead, Pattern::kWrite, Pattern::kCopy, Pattern::kTriad}) {
      StreamPoint point{pattern, size_mib * kMiB, true, 1};
      const std::size_t one_set = footprint(point);
      if (one_set <= cache_bytes / 2 && one_set <= memory_bytes) points.push_back(point);
      point.hot = false;
      point.sets = (2 * cache_bytes + one_set - 1) / one_set;
      if (point.sets == 0) point.sets = 1;
      if (footprint(point) <= memory_bytes) points.push_back(point);
    }
  }
  shuffle_points(points, options.seed);
  return points;
}

inline const std::vector<std::string>& stream_columns() {
  static const std::vector<std::string> columns = {
      "op",         "pattern", "dtype",         "array_bytes", "moved_bytes", "l2",    "sets",
      "latency_us", "p10_us",  "p90_us",        "cv",          "n",           "timer", "repeats",
      "library",    "device",  "bandwidth_Bps", "flag"};
  return columns;
}

inline std::vector<std::string> stream_row(const StreamDevice& device, const StreamPoint& point,
                                           const Sampler& sampler, const Summary& summary) {
  const std::size_t moved = arrays_of(point.pattern) * point.array_bytes;
  return {"memory_stream",
          name_of(point.pattern),
          "fp32",
          std::to_string(point.array_bytes),
          std::to_string(moved),
          point.hot ? "hot" : "rotate",
          std::to_string(point.sets),
          csv_number(summary.median_s * 1e6),
          csv_number(summary.p10_s * 1e6),
          csv_number(summary.p90_s * 1e6),
          csv_number(summary.cv),
          std::to_string(summary.n),
          sampler.timer,
          std::to_string(sampler.repeats),
          device.library(),
          device.name(),
          csv_number(static_cast<double>(moved) / summary.median_s),
          summary.noisy ? "noisy" : "ok"};
}

/// The whole benchmark: first the results are checked, then every point is measured and written as
/// soon as it is known.
inline void run_memory_stream(StreamDevice& device, const Options& options, std::ostream& out) {
  for (const Pattern pattern : {Pattern::kRead, Pattern::kWrite, Pattern::kCopy, Pattern::kTriad})
    check_result(device, pattern, options.seed);
  const TimingPolicy policy = options.short_mode ? short_policy() : TimingPolicy{};
  const auto points = plan_points(options, device.cache_bytes(), device.memory_bytes());
  if (points.empty()) throw std::runtime_error("no size fits in memory and below --max-mib");
  Table table(out, stream_columns());
  for (const StreamPoint& point : points) {
    const std::size_t elements = point.array_bytes / sizeof(float);
    device.fill(elements * arrays_of(point.pattern) * point.sets, options.seed);
    const Sampler sampler = device.sampler(point.pattern, elements, point.sets);
    table.write(stream_row(device, point, sampler, measure(policy, sampler)));
  }
}

}  // namespace moesim::kernels
