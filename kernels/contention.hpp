// Operation contention: how much a matrix product and a copy slow each other down when they run at
// the same time, and a product that may count on fewer multiprocessors. What is common to the CUDA
// program and its CPU twin: grid, columns and the run itself. It gives the factors by which
// overlapped phases are longer than lone ones.
//
// Kinds: gemm_during_h2d, gemm_during_d2h (the product is timed), h2d_during_gemm, d2h_during_gemm
// (the copy is), gemm_on_sms (nothing else runs; the library is told to count on `sm_count`
// multiprocessors, as when a communication kernel holds the rest). On a CPU: gemm_during_copy and
// copy_during_gemm, the other one on another core. latency_us is of one product or one copy under
// contention, latency_alone_us without, slowdown their ratio. Products: a small number of rows
// (decode: memory-bound) and a large one (prefill: compute-bound). Does not model contention with a
// kernel that spins on the network.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "kernels/command_line.hpp"
#include "kernels/gemm_shape.hpp"
#include "kernels/shuffle.hpp"
#include "kernels/table.hpp"
#include "kernels/timing.hpp"
#include "kernels/values.hpp"

namespace moesim::kernels {

struct ContentionPoint {
  std::string kind;
  GemmShape shape;
  int sm_count = 0;       ///< multiprocessors (cores) the product counts on
  std::size_t bytes = 0;  ///< of one copy; 0: there is none
};

class ContentionDevice {
 public:
  virtual ~ContentionDevice() = default;
  virtual std::string name() const = 0;
  virtual std::string library() const = 0;
  virtual std::string dtype() const = 0;
  virtual bool hot() const = 0;  ///< the weights fit in the cache
  virtual std::vector<GemmShape> shapes(bool short_mode) const = 0;
  virtual std::vector<std::string> copy_kinds() const = 0;
  virtual std::vector<std::size_t> copy_bytes(bool short_mode) const = 0;
  virtual int sm_count() const = 0;
  virtual bool can_limit_sms() const = 0;
  /// Makes what the point needs and compares the product, or the bytes, with a reference; throws
  /// when they differ.
  virtual void prepare(const ContentionPoint& point) = 0;
  /// Of the point prepared last.
  virtual Sampler alone() = 0;
  virtual Sampler contended() = 0;
};

/// From all multiprocessors down to a quarter of them (132 .. 33 on an H100), even numbers, since
/// cuBLAS groups them in pairs.
inline std::vector<int> sm_counts(int all, bool short_mode) {
  std::vector<int> counts;
  for (const int eighths : {7, 6, 5, 4, 3, 2}) {
    if (short_mode && eighths != 4) continue;
    const int count = all * eighths / 16 * 2;
    if (count > 0 && count < all) counts.push_back(count);
  }
  return counts;
}

inline std::vector<ContentionPoint> plan_contention(const ContentionDevice& device,
                                                    const Options& options) {
  std::vector<ContentionPoint> points;
  for (const GemmShape& shape : device.shapes(options.short_mode)) {
    for (const std::string& kind : device.copy_kinds())
      for (const std::size_t bytes : device.copy_bytes(options.short_mode))
        if (static_cast<double>(bytes) <= options.max_mib * kMiB)
          points.push_back({kind, shape, device.sm_count(), bytes});
    if (!device.can_limit_sms()) continue;
    for (const int count : sm_counts(device.sm_count(), options.short_mode))
      points.push_back({"gemm_on_sms", shape, count, 0});
  }
  shuffle_points(points, options.seed);
  return points;
}

inline std::vector<std::string> contention_columns() {
  std::vector<std::string> columns =
      columns_with_values({"op", "kind", "dtype", "m", "n", "k", "sm_count", "bytes"});
  for (const char* name : {"latency_alone_us", "slowdown"}) columns.emplace_back(name);
  return columns;
}

/// The whole benchmark. Alone is measured next to contended, so that both see the same clocks.
inline void run_contention(ContentionDevice& device, const Options& options, std::ostream& out) {
  const TimingPolicy policy = options.short_mode ? short_policy() : TimingPolicy{};
  Table table(out, contention_columns());
  for (const ContentionPoint& point : plan_contention(device, options)) {
    device.prepare(point);
    const Summary alone = measure(policy, device.alone());
    const Sampler sampler = device.contended();
    const Summary contended = measure(policy, sampler);
    auto row =
        row_with_values({"contention", point.kind, device.dtype(), std::to_string(point.shape.m),
                         std::to_string(point.shape.n), std::to_string(point.shape.k),
                         std::to_string(point.sm_count), std::to_string(point.bytes)},
                        {device.hot(), device.library(), device.name()}, sampler, contended);
    row.push_back(csv_number(alone.median_s * 1e6));
    row.push_back(csv_number(contended.median_s / alone.median_s));
    table.write(row);
  }
}

}  // namespace moesim::kernels
