// Operation launch: what it costs to start work that does nothing, for 1, 10 and 100 of it in a
// row. What is common to the CUDA program and its CPU twin: grid, the check that everything started
// also ran, columns and the run itself. latency_us is the time of all `nodes` together, so the cost
// of one more is the slope over nodes and the fixed cost is the intercept.
//
// Kinds on a GPU: stream_launch (empty kernels, between two events), graph_node (the same kernels
// as a graph, between two events), host_launch and graph_launch (the host's time to enqueue those),
// event_record (the host's time), host_sync (launch and wait, one after another). Kinds on a CPU:
// function_call (through a pointer), clock_read, thread_wake (wake another thread, wait for its
// answer). Does not model launches from several threads or kernels with many arguments.
#pragma once

#include <cstddef>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/command_line.hpp"
#include "kernels/shuffle.hpp"
#include "kernels/table.hpp"
#include "kernels/timing.hpp"
#include "kernels/values.hpp"

namespace moesim::kernels {

class LaunchDevice {
 public:
  virtual ~LaunchDevice() = default;
  virtual std::string name() const = 0;
  virtual std::string library() const = 0;
  virtual std::vector<std::string> kinds() const = 0;
  /// Does it once and says how many of the `nodes` were seen to happen.
  virtual std::size_t count(const std::string& kind, std::size_t nodes) = 0;
  virtual Sampler sampler(const std::string& kind, std::size_t nodes) = 0;
};

struct LaunchPoint {
  std::string kind;
  std::size_t nodes = 1;
};

inline std::vector<LaunchPoint> plan_launches(const LaunchDevice& device, const Options& options) {
  std::vector<LaunchPoint> points;
  for (const std::string& kind : device.kinds())
    for (const std::size_t nodes : {std::size_t{1}, std::size_t{10}, std::size_t{100}})
      points.push_back({kind, nodes});
  shuffle_points(points, options.seed);
  return points;
}

inline void check_launch(LaunchDevice& device, const LaunchPoint& point) {
  const std::size_t ran = device.count(point.kind, point.nodes);
  if (ran != point.nodes)
    throw std::runtime_error("launch " + point.kind + ": wrong result, " + std::to_string(ran) +
                             " of " + std::to_string(point.nodes) + " ran");
}

/// By count, not by time: a sample lasts microseconds, and waiting for the device to be idle again,
/// which is not in it, lasts longer.
inline TimingPolicy launch_policy(const Options& options) {
  TimingPolicy policy;
  policy.warmup_runs = options.short_mode ? 3 : 50;
  policy.warmup_s = 0;
  policy.samples = options.short_mode ? 20 : 500;
  policy.samples_at_cap = policy.samples;
  policy.sampling_s = 0;
  return policy;
}

inline std::vector<std::string> launch_columns() {
  return columns_with_values({"op", "kind", "dtype", "nodes"});
}

/// The whole benchmark; every point is checked just before it is timed.
inline void run_launch(LaunchDevice& device, const Options& options, std::ostream& out) {
  Table table(out, launch_columns());
  for (const LaunchPoint& point : plan_launches(device, options)) {
    check_launch(device, point);
    const Sampler sampler = device.sampler(point.kind, point.nodes);
    const Summary summary = measure(launch_policy(options), sampler);
    table.write(row_with_values({"launch", point.kind, "none", std::to_string(point.nodes)},
                                {true, device.library(), device.name()}, sampler, summary));
  }
}

}  // namespace moesim::kernels
