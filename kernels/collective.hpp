// Operation collective: copies between the memories of two ranks and collective operations over 2,
// 4 and 8 of them. What is common to the CUDA program (NCCL, one thread a GPU) and its CPU twin
// (threads of one process): grid, who sends how much to whom, the check, columns and the run.
//
// `bytes` as nccl-tests counts its size: the larger of what a rank gives and what it gets; for
// all_gather and reduce_scatter that is the whole of all ranks' shares, for all_to_all what one
// rank sends, its own share included (https://github.com/NVIDIA/nccl-tests, doc/PERFORMANCE.md, the
// source of the bus factors too). all_to_all_v: every rank sends rank d a share that falls as
// (d + 1)^-skew, so rank 0 is the hot receiver. bus_bandwidth_Bps is what the busiest rank moved to
// or from others per second. The wall clock of the ranks' common start to the end of the last, over
// `repeats` operations in a row: what the host pays to launch them counts.
// Does not model several processes or nodes, or compute beside the communication.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/collective_pattern.hpp"
#include "kernels/command_line.hpp"
#include "kernels/random_data.hpp"
#include "kernels/shuffle.hpp"
#include "kernels/table.hpp"
#include "kernels/timing.hpp"
#include "kernels/values.hpp"

namespace moesim::kernels {

class CollectiveDevice {
 public:
  virtual ~CollectiveDevice() = default;
  virtual std::string name() const = 0;
  virtual std::string library(Collective kind) const = 0;
  virtual std::string dtype() const = 0;
  virtual std::size_t element_bytes() const = 0;
  virtual std::size_t most_ranks() const = 0;
  virtual std::size_t largest_bytes() const = 0;
  virtual std::size_t memory_bytes() const = 0;  ///< what one rank's buffers may take
  virtual TimingPolicy policy(bool short_mode) const = 0;
  /// Makes a group of the first `ranks` ranks with buffers of these sizes; what rank r sends is
  /// rank_value(r, i). The group before it is gone.
  virtual void prepare(std::size_t ranks, const BufferSizes& elements) = 0;
  /// Clears the receive buffers of all ranks.
  virtual void clear() = 0;
  /// Does it `repeats` times; seconds of wall clock.
  virtual double run(const CollectivePoint& point, std::size_t repeats) = 0;
  virtual std::vector<float> received(std::size_t rank, std::size_t elements) = 0;
};

constexpr double kLongestCollective_s = 0.060;  ///< longer ones are left out
constexpr std::size_t kCheckedBytes = std::size_t{64} << 10;

/// The points of one group of ranks; copies between pairs belong to the largest group.
inline std::vector<CollectivePoint> plan_group(const CollectiveDevice& device, std::size_t ranks,
                                               bool largest_group, const Options& options) {
  std::vector<std::size_t> sizes;
  for (std::size_t bytes = 1024; bytes <= device.largest_bytes(); bytes *= 4) {
    if (options.short_mode && bytes != 4096 && bytes != 256 * 1024) continue;
    if (static_cast<double>(bytes) <= options.max_mib * kMiB) sizes.push_back(bytes);
  }
  std::vector<CollectivePoint> points;
  for (const std::size_t bytes : sizes) {
    for (const Collective kind : {Collective::kAllReduce, Collective::kAllGather,
                                  Collective::kReduceScatter, Collective::kAllToAll})
      points.push_back({kind, ranks, bytes, 0, 0, 0});
    for (const double skew : {0.5, 1.0})
      points.push_back({Collective::kAllToAllV, ranks, bytes, skew, 0, 0});
  }
  for (std::size_t source = 0; largest_group && source < ranks; ++source)
    for (std::size_t target = 0; target < ranks; ++target) {
      if (source == target || sizes.empty()) continue;
      // One size for the latency and one for the bandwidth, or the matrix of 8 ranks is too long.
      points.push_back({Collective::kPeerCopy, ranks, sizes.front(), 0, source, target});
      const std::size_t large = sizes.size() > 2 ? sizes[sizes.size() - 2] : sizes.back();
      if (large != sizes.front())
        points.push_back({Collective::kPeerCopy, ranks, large, 0, source, target});
    }
  const auto too_large = [&](const CollectivePoint& point) {
    const BufferSizes most = buffers_of(point, point.bytes, 0);
    return most.send + most.receive > device.memory_bytes();
  };
  points.erase(std::remove_if(points.begin(), points.end(), too_large), points.end());
  shuffle_points(points, options.seed);
  return points;
}

/// Runs every kind once on a small size and compares all that every rank received.
inline void check_collective(CollectiveDevice& device, CollectivePoint point) {
  point.bytes = kCheckedBytes;
  const std::size_t elements = point.bytes / device.element_bytes();
  device.clear();
  device.run(point, 1);
  for (std::size_t rank = 0; rank < point.ranks; ++rank) {
    const std::vector<float> expected = expected_of(point, elements, rank);
    const std::vector<float> found = device.received(rank, expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (!(found[i] == expected[i]))
        throw std::runtime_error("collective " + std::string(name_of(point.kind)) +
                                 ": wrong result, " + std::to_string(found[i]) + " instead of " +
                                 std::to_string(expected[i]) + " at element " + std::to_string(i) +
                                 " of rank " + std::to_string(rank));
  }
}

inline std::vector<std::string> collective_columns() {
  std::vector<std::string> columns =
      columns_with_values({"op", "kind", "dtype", "ranks", "source", "target", "bytes", "skew"});
  columns.emplace_back("bus_bandwidth_Bps");
  return columns;
}

inline std::vector<std::string> collective_row(const CollectiveDevice& device,
                                               const CollectivePoint& point, const Sampler& sampler,
                                               const Summary& summary) {
  const bool pair = point.kind == Collective::kPeerCopy;
  auto row = row_with_values(
      {"collective", name_of(point.kind), device.dtype(), std::to_string(pair ? 2 : point.ranks),
       pair ? std::to_string(point.source) : "", pair ? std::to_string(point.target) : "",
       std::to_string(point.bytes), csv_number(point.skew)},
      {true, device.library(point.kind), device.name()}, sampler, summary);
  row.push_back(
      csv_number(bus_factor(point) * static_cast<double>(point.bytes) / summary.median_s));
  return row;
}

/// All points of one group, each kind checked before the first of them is timed.
inline void run_group(CollectiveDevice& device, const std::vector<CollectivePoint>& points,
                      std::size_t ranks, const Options& options, Table& table) {
  BufferSizes most;
  std::vector<CollectivePoint> sized = points;
  sized.push_back({Collective::kAllToAllV, ranks, kCheckedBytes, 1.0, 0, 0});
  for (const CollectivePoint& point : sized)
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      const BufferSizes sizes = buffers_of(point, point.bytes / device.element_bytes(), rank);
      most = {std::max(most.send, sizes.send), std::max(most.receive, sizes.receive)};
    }
  device.prepare(ranks, most);
  std::set<std::tuple<Collective, double, std::size_t, std::size_t>> checked;
  for (const CollectivePoint& point : points)
    if (checked.emplace(point.kind, point.skew, point.source, point.target).second)
      check_collective(device, point);
  const TimingPolicy policy = device.policy(options.short_mode);
  for (const CollectivePoint& point : points) {
    device.run(point, 1);  // the first one makes connections
    const double pilot_s = std::max(device.run(point, 1), 1e-6);
    if (pilot_s > kLongestCollective_s) continue;
    const auto repeats = static_cast<std::size_t>(1e-3 / pilot_s) + 1;
    const Sampler sampler{"wall", repeats, [&device, point, repeats] {
                            return device.run(point, repeats) / static_cast<double>(repeats);
                          }};
    table.write(collective_row(device, point, sampler, measure(policy, sampler)));
  }
}

/// The whole benchmark; with a single rank there is nothing to measure and the table stays empty.
inline void run_collective(CollectiveDevice& device, const Options& options, std::ostream& out) {
  Table table(out, collective_columns());
  for (const std::size_t ranks : {std::size_t{2}, std::size_t{4}, std::size_t{8}}) {
    if (ranks > device.most_ranks()) break;
    const bool largest = ranks == 8 || 2 * ranks > device.most_ranks();
    const auto points = plan_group(device, ranks, largest, options);
    if (!points.empty()) run_group(device, points, ranks, options, table);
  }
}

}  // namespace moesim::kernels
