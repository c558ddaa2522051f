// Operation sustained: the same large matrix product over and over, for long enough that power and
// temperature settle. What is common to the CUDA program and its CPU twin: phases, windows, columns
// and the run. The ratio of the last seconds to the burst is the factor by which long computations
// are slower than microbenchmarks say.
//
// One row for the burst (phase burst: the first 50 ms after an idle pause) and one for every window
// after it (phase sustained; `second` is when it began). flops_per_s counts 2mnk per product. Clock
// and power are means of what the management library told during the window, the temperature its
// maximum, throttle every reason seen; empty where there is no such library. Does not model idle
// power or mixed loads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/command_line.hpp"
#include "kernels/nvml.hpp"
#include "kernels/table.hpp"
#include "kernels/timing.hpp"
#include "kernels/values.hpp"

namespace moesim::kernels {

/// What the management library tells at one moment.
struct Sensors {
  std::optional<double> sm_mhz, power_w, temperature_c;
  std::optional<std::uint64_t> throttle;
};

struct SustainedPlan {
  double burst_s = 0.050;
  double window_s = 1;
  std::size_t windows = 20;
};

class SustainedDevice {
 public:
  virtual ~SustainedDevice() = default;
  virtual std::string name() const = 0;
  virtual std::string library() const = 0;
  virtual SustainedPlan plan(bool short_mode) const = 0;
  virtual std::vector<std::string> dtypes() const = 0;
  /// Makes the matrices, runs one product, compares it with a float64 sum and throws when it is
  /// wrong; then leaves the device idle for a moment.
  virtual void prepare(const std::string& dtype) = 0;
  virtual double flop() const = 0;  ///< of one product
  virtual bool hot() const = 0;     ///< the matrices fit in the cache
  virtual std::string timer() const = 0;
  virtual std::size_t products_per_batch() const = 0;
  virtual double batch() = 0;  ///< runs the next batch; seconds it took
  virtual Sensors sensors() = 0;
};

/// The batches of one window and what was sensed meanwhile.
class Window {
 public:
  void add(double batch_s) {
    batches_s_.push_back(batch_s);
    total_s_ += batch_s;
  }
  void add(const Sensors& now) {
    mhz_.add(now.sm_mhz);
    watts_.add(now.power_w);
    if (now.temperature_c)
      hottest_c_ = std::max(hottest_c_.value_or(*now.temperature_c), *now.temperature_c);
    if (now.throttle) throttle_ = throttle_.value_or(0) | *now.throttle;
  }

  double seconds() const { return total_s_; }
  const std::vector<double>& batches_s() const { return batches_s_; }

  std::vector<std::string> sensor_cells() const {
    const auto cell = [](const std::optional<double>& value) {
      return value ? csv_number(*value) : std::string();
    };
    return {cell(mhz_.value()), cell(watts_.value()), cell(hottest_c_),
            throttle_ ? throttle_names(*throttle_) : std::string()};
  }

 private:
  struct Mean {
    double sum = 0;
    std::size_t count = 0;
    void add(const std::optional<double>& value) {
      if (!value) return;
      sum += *value;
      ++count;
    }
    std::optional<double> value() const {
      if (count == 0) return std::nullopt;
      return sum / static_cast<double>(count);
    }
  };

  std::vector<double> batches_s_;
  double total_s_ = 0;
  Mean mhz_, watts_;
  std::optional<double> hottest_c_;
  std::optional<std::uint64_t> throttle_;
};

inline std::vector<std::string> sustained_columns() {
  std::vector<std::string> columns = columns_with_values({"op", "dtype", "phase", "second"});
  for (const char* name : {"flops_per_s", "sm_mhz", "power_w", "temperature_c", "throttle"})
    columns.emplace_back(name);
  return columns;
}

/// Runs batches until the window is full; asks the sensors ten times in it, and at its start.
inline Window run_window(SustainedDevice& device, double window_s) {
  Window window;
  double next_look_s = 0;
  while (window.seconds() < window_s) {
    window.add(device.batch());
    if (window.seconds() < next_look_s) continue;
    window.add(device.sensors());
    next_look_s = window.seconds() + window_s / 10;
  }
  return window;
}

inline std::vector<std::string> sustained_row(const SustainedDevice& device,
                                              const std::string& dtype, const std::string& phase,
                                              double second, const Window& window) {
  const auto products = static_cast<double>(device.products_per_batch());
  std::vector<double> one_s = window.batches_s();
  for (double& seconds : one_s) seconds /= products;
  const Sampler sampler{device.timer(), device.products_per_batch(), nullptr};
  auto row = row_with_values({"sustained", dtype, phase, csv_number(second)},
                             {device.hot(), device.library(), device.name()}, sampler,
                             summarize(one_s, TimingPolicy{}.noisy_cv));
  const auto batches = static_cast<double>(window.batches_s().size());
  row.push_back(csv_number(device.flop() * products * batches / window.seconds()));
  for (std::string& cell : window.sensor_cells()) row.push_back(std::move(cell));
  return row;
}

/// The whole benchmark; a row is written as soon as its window is over.
inline void run_sustained(SustainedDevice& device, const Options& options, std::ostream& out) {
  const SustainedPlan plan = device.plan(options.short_mode);
  Table table(out, sustained_columns());
  for (const std::string& dtype : device.dtypes()) {
    device.prepare(dtype);
    table.write(sustained_row(device, dtype, "burst", 0, run_window(device, plan.burst_s)));
    for (std::size_t i = 0; i < plan.windows; ++i) {
      const double second = static_cast<double>(i) * plan.window_s;
      table.write(
          sustained_row(device, dtype, "sustained", second, run_window(device, plan.window_s)));
    }
  }
}

}  // namespace moesim::kernels
