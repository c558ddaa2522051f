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

#include "kernels/bench_device.hpp"
#include "kernels/random_data.hpp"
#include "kernels/shuffle.hpp"

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

struct StreamPoint {
  Pattern pattern = Pattern::kRead;
  std::size_t array_bytes = 0;
  Rotation rotation;  ///< of sets of arrays

  std::size_t elements() const { return array_bytes / sizeof(float); }
  std::size_t moved_bytes() const { return arrays_of(pattern) * array_bytes; }
  std::vector<std::string> key_cells() const {
    return {"memory_stream",
            name_of(pattern),
            "fp32",
            std::to_string(array_bytes),
            std::to_string(moved_bytes()),
            std::to_string(rotation.sets)};
  }
  std::vector<std::string> more_cells(const Summary& summary) const {
    return {csv_number(static_cast<double>(moved_bytes()) / summary.median_s)};
  }
};

inline std::vector<std::string> stream_columns() {
  auto columns =
      columns_with_values({"op", "pattern", "dtype", "array_bytes", "moved_bytes", "sets"});
  columns.emplace_back("bandwidth_Bps");
  return columns;
}

/// The memory is one pool of floats; array k of set s begins at (s * arrays + k) * elements.
/// `elements` is a multiple of four. Passes run in the order they were asked for.
class StreamDevice : public BenchDevice {
 public:
  virtual std::string library(const StreamPoint& point) const = 0;
  /// Makes a pool with pool[i] = stream_value(i, seed); the one before it is gone.
  virtual void fill(std::size_t pool_elements, std::uint64_t seed) = 0;
  /// A pool large enough for all sets of the point, of any contents but zeros.
  virtual void prepare(const StreamPoint& point, std::uint64_t seed) = 0;
  virtual void run(Pattern pattern, std::size_t elements, std::size_t set) = 0;
  /// The sum of the read passes since fill().
  virtual double sum() = 0;
  virtual std::vector<float> fetch(std::size_t first, std::size_t count) = 0;
  /// Of the point prepared last.
  virtual Sampler sampler(const StreamPoint& point) = 0;
  bool hot() const override { return hot_; }

 protected:
  bool hot_ = false;
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

/// All points that fit, in an order shuffled by the seed. One core of a CPU needs no gigabytes to
/// see memory at its slowest.
inline std::vector<StreamPoint> plan_stream(const StreamDevice& device, const Options& options) {
  std::vector<std::size_t> sizes_mib = {1, 4, 16, 64, 256};
  if (device.kind() == DeviceKind::kCuda) sizes_mib.insert(sizes_mib.end(), {1024, 4096});
  if (options.short_mode) sizes_mib = {1, 4};
  const std::size_t cold_bytes = device.cold_bytes(), memory_bytes = device.memory_bytes();
  std::vector<StreamPoint> points;
  for (const std::size_t size_mib : sizes_mib) {
    if (static_cast<double>(size_mib) > options.max_mib) continue;
    for (const Pattern pattern :
         {Pattern::kRead, Pattern::kWrite, Pattern::kCopy, Pattern::kTriad}) {
      const StreamPoint point{pattern, size_mib * kMiB, {}};
      for (const Rotation& rotation : rotations(point.moved_bytes(), cold_bytes, memory_bytes))
        points.push_back({pattern, point.array_bytes, rotation});
    }
  }
  shuffle_points(points, options.seed);
  return points;
}

/// The whole benchmark: first the results are checked, then every point is measured and written as
/// soon as it is known.
inline void run_memory_stream(StreamDevice& device, const Options& options, std::ostream& out) {
  for (const Pattern pattern : {Pattern::kRead, Pattern::kWrite, Pattern::kCopy, Pattern::kTriad})
    check_result(device, pattern, options.seed);
  const auto points = plan_stream(device, options);
  if (points.empty()) throw std::runtime_error("no size fits in memory and below --max-mib");
  Table table(out, stream_columns());
  measure_points(device, points, options, device.policy(options.short_mode), table);
}

}  // namespace moesim::kernels
