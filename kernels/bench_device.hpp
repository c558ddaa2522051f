// What every operation asks of the device that runs it, and the loop that measures its points. An
// operation adds to BenchDevice how a point is prepared, run and read back; OnCpu (cpu_device.hpp)
// and OnGpu (gpu_bench.cuh) fill in what is common to one kind of device.
#pragma once

#include <cmath>
#include <cstddef>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/command_line.hpp"
#include "kernels/rotation.hpp"
#include "kernels/table.hpp"
#include "kernels/timing.hpp"
#include "kernels/values.hpp"

namespace moesim::kernels {

enum class DeviceKind { kCpu, kCuda };

class BenchDevice {
 public:
  virtual ~BenchDevice() = default;
  virtual DeviceKind kind() const = 0;
  virtual std::string name() const = 0;
  virtual std::size_t memory_bytes() const = 0;  ///< what buffers may take
  virtual std::size_t cold_bytes() const = 0;    ///< what a rotation goes over at least
  virtual TimingPolicy policy(bool short_mode) const = 0;
  /// Whether passes of the point prepared last find their data in the cache.
  virtual bool hot() const { return false; }
  /// What is left of a value after it was stored as `dtype` (fp32, bf16, fp8).
  virtual float stored(const std::string& dtype, float value) const = 0;
};

/// Compares row by row, so that one wrong element in a row of a few hundred is seen: the norm of
/// the difference may be `tolerance` of the row's own. Throws with `what` when it is not, and when
/// something is not a number.
inline void check_rows(const std::string& what, const std::vector<float>& actual,
                       const std::vector<double>& expected, std::size_t width, double tolerance) {
  if (actual.size() != expected.size())
    throw std::runtime_error(what + ": wrong result, " + std::to_string(actual.size()) +
                             " values instead of " + std::to_string(expected.size()));
  for (std::size_t row = 0; row * width < expected.size(); ++row) {
    double off = 0, norm = 0;
    for (std::size_t i = row * width; i < (row + 1) * width; ++i) {
      const double difference = static_cast<double>(actual[i]) - expected[i];
      off += difference * difference;
      norm += expected[i] * expected[i];
    }
    if (!(std::sqrt(off) <= tolerance * std::sqrt(norm)))
      throw std::runtime_error(what + ": wrong result in row " + std::to_string(row) +
                               ", relative error " + csv_number(std::sqrt(off / norm)));
  }
}

/// The error that rounding of a dtype leaves in a row, with a margin of about four.
inline double tolerance_of(const std::string& dtype) { return dtype == "fp32" ? 1e-5 : 0.02; }

/// Cells that a point has behind the common ones: none, unless it has a more_cells() of its own.
template <class Point>
auto more_cells(const Point& point, const Summary& summary, int)
    -> decltype(point.more_cells(summary)) {
  return point.more_cells(summary);
}
template <class Point>
std::vector<std::string> more_cells(const Point&, const Summary&, long) {
  return {};
}

/// Measures every point and writes its row as soon as it is known. Point has key_cells();
/// Device::prepare(point, seed) makes its data, Device::sampler(point) its clock. With more than
/// one round the points are gone through so many times, which spreads the samples of each over the
/// whole run: a neighbour that is busy for some seconds then slows a part of every point instead of
/// all of some. Rows come in the last round.
template <class Device, class Point>
void measure_points(Device& device, std::vector<Point> points, const Options& options,
                    const TimingPolicy& policy, Table& table) {
  std::vector<std::vector<double>> samples_s(points.size());
  for (std::size_t round = 1; round <= policy.rounds; ++round)
    for (std::size_t i = 0; i < points.size(); ++i) {
      device.prepare(points[i], options.seed);
      const Sampler sampler = device.sampler(points[i]);
      Summary summary;
      if (policy.rounds == 1) {
        summary = measure(policy, sampler);
      } else {
        auto run_once = sampler.run_once;
        const auto more = take_samples(policy, run_once, sampler.repeats);
        samples_s[i].insert(samples_s[i].end(), more.begin(), more.end());
        if (round < policy.rounds) continue;
        summary = summarize(samples_s[i], policy.noisy_cv);
      }
      auto row = row_with_values(points[i].key_cells(),
                                 {device.hot(), device.library(points[i]), device.name()}, sampler,
                                 summary);
      for (std::string& cell : more_cells(points[i], summary, 0)) row.push_back(std::move(cell));
      table.write(row);
    }
}

}  // namespace moesim::kernels
