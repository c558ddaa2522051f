// Operation host_copy: moving bytes between the host's memory and the device's, the link that
// expert offloading and KV-cache swapping pay for. What is common to the CUDA program and its CPU
// twin: grid, where the pieces of a copy lie, data, the check of the result, columns and the run.
//
// Directions h2d, d2h, and both at once; pinned or pageable memory; a contiguous range cut over 1,
// 2 or 4 streams, or `blocks` pieces scattered over the host's memory (experts) that land side by
// side on the device. Time includes enqueuing the copies, as for an engine that fetches on demand.
// `bytes` and bandwidth_Bps are per direction. On the CPU the link is memcpy between two arenas and
// both directions take turns. Does not model copies from several processes or between NUMA nodes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/command_line.hpp"
#include "kernels/random_data.hpp"
#include "kernels/rotation.hpp"
#include "kernels/shuffle.hpp"
#include "kernels/table.hpp"
#include "kernels/timing.hpp"
#include "kernels/values.hpp"

namespace moesim::kernels {

enum class Direction { kToDevice, kToHost, kBoth };
enum class HostMemory { kPinned, kPageable };
enum class CopyMethod { kSingle, kLoop, kBatch };  ///< one call a piece, or one for all pieces

constexpr const char* name_of(Direction direction) {
  constexpr const char* names[] = {"h2d", "d2h", "both"};
  return names[static_cast<int>(direction)];
}
constexpr const char* name_of(HostMemory memory) {
  return memory == HostMemory::kPinned ? "pinned" : "pageable";
}
constexpr const char* name_of(CopyMethod method) {
  constexpr const char* names[] = {"single", "loop", "batch"};
  return names[static_cast<int>(method)];
}

struct CopyPoint {
  Direction direction = Direction::kToDevice;
  HostMemory memory = HostMemory::kPageable;
  std::size_t streams = 1;
  std::size_t blocks = 1;
  CopyMethod method = CopyMethod::kSingle;
  std::size_t bytes = 0;
};

/// One contiguous piece of a copy; offsets into the pools of either side [bytes].
struct Piece {
  std::size_t host = 0, device = 0, bytes = 0;
};

/// The pieces of one copy. `pool_bytes` and the sizes are powers of two, so that multiplying by an
/// odd number only reorders the slots: blocks scatter and never overlap, within a set or between
/// sets.
inline std::vector<Piece> pieces_of(const CopyPoint& point, std::size_t pool_bytes,
                                    std::size_t set) {
  const bool scattered = point.blocks > 1;
  const std::size_t count = scattered ? point.blocks : point.streams;
  const std::size_t bytes = point.bytes / count, slots = pool_bytes / bytes;
  std::vector<Piece> pieces(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t slot = set * count + i;
    const std::size_t host = scattered ? slot * 2654435761U % slots : slot;  // Knuth's odd number
    pieces[i] = {host * bytes, slot * bytes, bytes};
  }
  return pieces;
}

/// Contents of the sources, by words of eight bytes: splitmix64 (S. Vigna, public domain).
constexpr std::uint64_t copied_word(std::size_t index, std::uint64_t seed) {
  std::uint64_t z = (seed << 40) + index + 0x9e3779b97f4a7c15ULL;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
  return z ^ z >> 31;
}
constexpr std::uint64_t kHostSeed = 1, kDeviceSeed = 2;  ///< which source a word came from
constexpr std::uint64_t kUntouched = 0;                  ///< what prepare() leaves in the targets

/// Every side has one pool to copy from and one to copy to, so that both directions at once do not
/// race; memory_bytes() is what one pool may take. Copies run in the order they were asked for.
class CopyDevice : public RotatingDevice {
 public:
  virtual bool has_link() const = 0;   ///< false: one memory, one thread (the CPU twin)
  virtual bool has_batch() const = 0;  ///< many pieces in one call
  /// Makes the pools: word i of a source is copied_word(i, side's seed), of a target kUntouched.
  virtual void prepare(std::size_t pool_bytes) = 0;
  virtual void run(const CopyPoint& point, const std::vector<Piece>& pieces) = 0;
  /// The words of the target of one direction (not both).
  virtual std::vector<std::uint64_t> target(Direction direction, HostMemory memory) = 0;
  virtual Sampler sampler(const CopyPoint& point,
                          const std::vector<std::vector<Piece>>& pieces) = 0;
};

constexpr double kLongestPass_s = 0.060;  ///< a copy that lasts longer is left out
constexpr std::size_t kLargestPageable = 256 * kMiB;

inline std::vector<CopyPoint> plan_copies(const CopyDevice& device, const Options& options) {
  const bool has_link = device.has_link();
  const std::size_t memory_bytes = device.memory_bytes();
  constexpr std::size_t kKiB = 1024;
  std::vector<std::size_t> sizes = {4 * kKiB, 64 * kKiB, kMiB, 16 * kMiB, 64 * kMiB};
  if (has_link) sizes.insert(sizes.end(), {4 * kMiB, 256 * kMiB, 1024 * kMiB});
  if (options.short_mode) sizes = {64 * kKiB, kMiB};
  const HostMemory best = has_link ? HostMemory::kPinned : HostMemory::kPageable;
  std::vector<CopyPoint> points;
  for (const std::size_t bytes : sizes) {
    if (bytes > memory_bytes || static_cast<double>(bytes) > options.max_mib * kMiB) continue;
    for (const Direction direction : {Direction::kToDevice, Direction::kToHost, Direction::kBoth}) {
      points.push_back({direction, best, 1, 1, CopyMethod::kSingle, bytes});
      const bool selected = bytes == kMiB || bytes == 16 * kMiB || bytes == 256 * kMiB;
      if (has_link && selected)
        for (const std::size_t streams : {std::size_t{2}, std::size_t{4}})
          points.push_back({direction, best, streams, 1, CopyMethod::kSingle, bytes});
      if (direction == Direction::kBoth) continue;
      // A pageable copy blocks the thread that asks for it, so both directions would take turns.
      if (has_link && bytes <= kLargestPageable)
        points.push_back({direction, HostMemory::kPageable, 1, 1, CopyMethod::kSingle, bytes});
      if (selected)
        for (const std::size_t blocks : {std::size_t{8}, std::size_t{64}}) {
          points.push_back({direction, best, 1, blocks, CopyMethod::kLoop, bytes});
          if (has_link) points.push_back({direction, best, 1, blocks, CopyMethod::kBatch, bytes});
        }
    }
  }
  shuffle_points(points, options.seed);
  return points;
}

/// Copies that together exceed the cache twice, as far as the pool reaches.
inline std::size_t copy_sets(const CopyPoint& point, std::size_t cache_bytes,
                             std::size_t pool_bytes) {
  return std::min(sets_to_rotate(2 * cache_bytes, point.bytes), pool_bytes / point.bytes);
}

/// The smallest power of two that holds the largest copy and lets the small ones rotate, or the
/// largest that memory allows.
inline std::size_t copy_pool_bytes(const std::vector<CopyPoint>& points, std::size_t cache_bytes,
                                   std::size_t memory_bytes) {
  std::size_t wanted = 2 * cache_bytes;
  for (const CopyPoint& point : points) wanted = std::max(wanted, point.bytes);
  std::size_t pool = kMiB;
  while (pool < wanted && 2 * pool <= memory_bytes) pool *= 2;
  return pool;
}

/// Makes a copy like `point`, but of a quarter of a small pool, and compares all words of both
/// targets: those that should have arrived and those that nothing should have touched.
inline void check_copy(CopyDevice& device, CopyPoint point) {
  constexpr std::size_t pool_bytes = 2 * kMiB;
  point.bytes = pool_bytes / 4;
  device.prepare(pool_bytes);
  const std::vector<Piece> pieces = pieces_of(point, pool_bytes, 1);
  device.run(point, pieces);
  for (const Direction direction : {Direction::kToDevice, Direction::kToHost}) {
    const bool to_device = direction == Direction::kToDevice;
    std::vector<std::uint64_t> expected(pool_bytes / 8, kUntouched);
    if (point.direction == direction || point.direction == Direction::kBoth)
      for (const Piece& piece : pieces)
        for (std::size_t i = 0; i < piece.bytes / 8; ++i) {
          const std::size_t host = piece.host / 8 + i, other = piece.device / 8 + i;
          expected[to_device ? other : host] =
              copied_word(to_device ? host : other, to_device ? kHostSeed : kDeviceSeed);
        }
    const std::vector<std::uint64_t> found = device.target(direction, point.memory);
    const auto wrong = std::mismatch(expected.begin(), expected.end(), found.begin(), found.end());
    if (wrong.first == expected.end() && wrong.second == found.end()) continue;
    throw std::runtime_error("host_copy " + std::string(name_of(point.direction)) + ", " +
                             name_of(point.memory) + ": wrong result at word " +
                             std::to_string(wrong.first - expected.begin()) + " of the " +
                             (to_device ? "device" : "host"));
  }
}

inline void check_copies(CopyDevice& device) {
  const HostMemory best = device.has_link() ? HostMemory::kPinned : HostMemory::kPageable;
  for (const Direction direction : {Direction::kToDevice, Direction::kToHost, Direction::kBoth}) {
    check_copy(device, {direction, HostMemory::kPageable, 1, 1, CopyMethod::kSingle, 0});
    check_copy(device, {direction, best, 1, 64, CopyMethod::kLoop, 0});
    if (device.has_link()) check_copy(device, {direction, best, 4, 1, CopyMethod::kSingle, 0});
    if (device.has_batch()) check_copy(device, {direction, best, 1, 64, CopyMethod::kBatch, 0});
  }
}

inline std::vector<std::string> copy_columns() {
  std::vector<std::string> columns = columns_with_values(
      {"op", "direction", "memory", "dtype", "streams", "blocks", "method", "bytes"});
  columns.emplace_back("bandwidth_Bps");
  return columns;
}

/// The whole benchmark: first the results are checked, then every point is measured and written as
/// soon as it is known.
inline void run_host_copy(CopyDevice& device, const Options& options, std::ostream& out) {
  check_copies(device);
  const auto points = plan_copies(device, options);
  if (points.empty()) throw std::runtime_error("no size fits in memory and below --max-mib");
  // A smoke test does not wait for pools that exceed the cache; its rows then say "hot".
  const std::size_t cache_bytes =
      options.short_mode ? std::min(device.cache_bytes(), 8 * kMiB) : device.cache_bytes();
  const std::size_t pool_bytes = copy_pool_bytes(points, cache_bytes, device.memory_bytes());
  device.prepare(pool_bytes);
  Table table(out, copy_columns());
  for (const CopyPoint& point : points) {
    std::vector<std::vector<Piece>> pieces(copy_sets(point, cache_bytes, pool_bytes));
    for (std::size_t set = 0; set < pieces.size(); ++set)
      pieces[set] = pieces_of(point, pool_bytes, set);
    const Sampler sampler = device.sampler(point, pieces);
    if (sampler.run_once() > kLongestPass_s) continue;
    const Summary summary = measure(options.short_mode ? short_policy() : TimingPolicy{}, sampler);
    const bool hot = pieces.size() * point.bytes < 2 * device.cache_bytes();
    auto row = row_with_values({"host_copy", name_of(point.direction), name_of(point.memory),
                                "byte", std::to_string(point.streams), std::to_string(point.blocks),
                                name_of(point.method), std::to_string(point.bytes)},
                               {hot, device.library(), device.name()}, sampler, summary);
    row.push_back(csv_number(static_cast<double>(point.bytes) / summary.median_s));
    table.write(row);
  }
}

}  // namespace moesim::kernels
