// Operation grouped_gemm: the expert products of an MoE layer, each expert on its own rows: gate
// and up ("gate_up"), down, or both with silu-mul between. It gives what an active expert, an idle
// one, a row and an uneven load cost. The weights of a pass are cold (rotated over more than the
// cache); rows are sorted by expert already.
//
// One row of the table is one list of rows per expert. Does not model: quantisation of inputs,
// gather and scatter (permute), choice of experts (router_topk).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/bench_device.hpp"
#include "kernels/moe_reference.hpp"
#include "kernels/moe_shape.hpp"
#include "kernels/shuffle.hpp"

namespace moesim::kernels {

struct GroupedPoint {
  std::string library;  ///< which implementation: Eigen, own, cublas, cublasLt-loop
  std::string dtype;
  std::string stage;  ///< gate_up, down, both
  std::size_t hidden = 0;
  std::size_t intermediate = 0;
  std::vector<int> counts;  ///< rows of every local expert
  std::string distribution;

  MoeShape shape() const { return {hidden, intermediate, counts.size(), 1}; }
  std::size_t rows() const {
    return static_cast<std::size_t>(std::accumulate(counts.begin(), counts.end(), 0));
  }
  std::size_t input_width() const { return stage == "down" ? intermediate : hidden; }
  std::size_t output_width() const { return stage == "gate_up" ? 2 * intermediate : hidden; }

  std::vector<std::string> key_cells() const {
    return {"grouped_gemm",
            stage,
            dtype,
            std::to_string(hidden),
            std::to_string(intermediate),
            std::to_string(counts.size()),
            std::to_string(active_experts(counts)),
            std::to_string(rows()),
            std::to_string(*std::max_element(counts.begin(), counts.end())),
            distribution,
            join_counts(counts)};
  }
};

inline std::vector<std::string> grouped_columns() {
  return columns_with_values({"op", "stage", "dtype", "hidden", "intermediate", "experts_local",
                              "experts_active", "tokens", "max_tokens", "distribution",
                              "tokens_per_expert"});
}

/// Input row r, column i is input_value(r * input_width + i); expert weights are weight_value()
/// over the pool of expert slots (expert_slots()). Output rows are in the order of input rows.
class GroupedDevice : public BenchDevice {
 public:
  virtual std::vector<std::string> libraries(const std::string& dtype) const = 0;
  virtual std::string library(const GroupedPoint& point) const = 0;
  virtual bool supports(const GroupedPoint&) const { return true; }
  virtual void prepare(const GroupedPoint& point, std::uint64_t seed) = 0;
  /// One pass over set 0.
  virtual std::vector<float> result(const GroupedPoint& point) = 0;
  virtual Sampler sampler(const GroupedPoint& point) = 0;
};

/// Output of a point on set 0, in doubles.
inline std::vector<double> grouped_reference(const BenchDevice& device, const GroupedPoint& point,
                                             std::uint64_t seed) {
  const auto stored = [&](float value) { return device.stored(point.dtype, value); };
  const auto mid = [&](float value) {
    return device.stored(point.dtype == "fp8" ? "bf16" : point.dtype, value);
  };
  const MoeShape shape = point.shape();
  const auto slots = expert_slots(point.counts, 0);
  const std::size_t width = point.input_width(), gate_up = 2 * shape.hidden * shape.intermediate;
  std::vector<double> all, x(width);
  std::size_t row = 0;
  for (std::size_t e = 0; e < point.counts.size(); ++e) {
    std::vector<float> values(point.counts[e] > 0 ? shape.expert_elements() : 0);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = stored(weight_value(slots[e] * shape.expert_elements() + i, seed));
    const auto weights = [&](std::size_t i) { return values[i]; };
    for (int r = 0; r < point.counts[e]; ++r, ++row) {
      for (std::size_t i = 0; i < width; ++i)
        x[i] = static_cast<double>(stored(input_value(row * width + i, seed)));
      if (point.stage == "both") {
        const auto y = reference_ffn(shape, weights, x, mid, stored);
        all.insert(all.end(), y.begin(), y.end());
        continue;
      }
      const std::size_t first = point.stage == "down" ? gate_up : 0;
      for (std::size_t j = 0; j < point.output_width(); ++j) {
        double sum = 0;
        for (std::size_t i = 0; i < width; ++i)
          sum += static_cast<double>(weights(first + j * width + i)) * x[i];
        all.push_back(sum);
      }
    }
  }
  return all;
}

/// Small experts, one of them idle, one with a single row and counts that fill no tile evenly, in
/// one dtype, stage and library. Throws when the result differs from the reference.
inline void check_grouped(GroupedDevice& device, const std::string& library,
                          const std::string& dtype, const std::string& stage, std::uint64_t seed) {
  const std::vector<std::vector<int>> cases = {{3, 0, 17, 1}, {40, 150, 0, 70}, {200, 300}};
  for (const std::vector<int>& counts : cases) {
    const GroupedPoint point{library, dtype, stage, 512, 256, counts, "check"};
    device.prepare(point, seed);
    check_rows("grouped_gemm " + dtype + " " + stage + " (" + library + ")", device.result(point),
               grouped_reference(device, point, seed), point.output_width(), tolerance_of(dtype));
  }
}

/// One expert at a time on a CPU: the table its layer is predicted from. Between the round numbers
/// stand others, because a product's last columns cost more when their number is no multiple of the
/// kernel's, and the experts of a layer get any number.
inline std::vector<GroupedPoint> grouped_cpu_points(bool short_mode) {
  std::vector<int> rows = {1,   2,   3,   4,   5,   6,   7,   8,   10,  12,  14,
                           16,  19,  24,  27,  32,  38,  48,  54,  64,  77,  96,
                           110, 128, 157, 192, 222, 256, 362, 512, 727, 1024};
  auto shapes = cpu_layer_shapes();
  if (short_mode) {
    rows = {1, 4, 16, 64};
    shapes.resize(1);
  }
  std::vector<GroupedPoint> points;
  for (const MoeShape& shape : shapes)
    for (const int m : rows)
      points.push_back({"Eigen", "fp32", "both", shape.hidden, shape.intermediate, {m}, "uniform"});
  return points;
}

inline void add_uniform(std::vector<GroupedPoint>& points, const GroupedPoint& kind,
                        const std::vector<int>& active, const std::vector<int>& rows) {
  for (const int a : active)
    for (const int m : rows) {
      points.push_back(kind);
      points.back().counts.assign(static_cast<std::size_t>(a), m);
      points.back().distribution = "uniform";
    }
}

/// B4 (active experts x rows), B5 (idle experts) and B6 (uneven loads) for one library and dtype.
/// The own kernel takes the full grid, the others a coarser one.
inline std::vector<GroupedPoint> grouped_cuda_points(const std::string& library,
                                                     const std::string& dtype, bool short_mode,
                                                     std::uint64_t seed) {
  std::vector<GroupedPoint> points;
  // Qwen3-30B-A3B, Qwen3-235B-A22B, DeepSeek-V3: their config.json on https://huggingface.co.
  const std::vector<std::pair<std::size_t, std::size_t>> widths = {
      {2048, 768}, {4096, 1536}, {7168, 2048}};
  if (short_mode) {
    add_uniform(points, {library, dtype, "both", 2048, 768, {}, {}}, {4}, {1, 64});
    return points;
  }
  const bool full = library == "own";
  for (const auto& [hidden, intermediate] : widths) {
    const GroupedPoint both{library, dtype, "both", hidden, intermediate, {}, {}};
    if (full)
      add_uniform(points, both, {1, 2, 4, 8, 16, 32, 64, 128}, {1, 4, 16, 32, 64, 128, 256, 1024});
    else
      add_uniform(points, both, {1, 8, 32, 128}, {1, 16, 128, 1024});
    if (!full) continue;
    for (const char* stage : {"gate_up", "down"})
      add_uniform(points, {library, dtype, stage, hidden, intermediate, {}, {}}, {8, 64},
                  {16, 1024});
  }
  if (dtype != "bf16") return points;
  for (const std::size_t hidden : {std::size_t{2048}, std::size_t{7168}})
    for (const std::size_t local : {16, 32, 64, 128, 256}) {  // 8 of 8 is a uniform point
      std::vector<int> counts(local, 0);
      for (std::size_t e = 0; e < 8; ++e) counts[e * local / 8] = 16;
      points.push_back(
          {library, dtype, "both", hidden, hidden == 2048U ? 768U : 2048U, counts, "idle"});
    }
  for (const std::size_t tokens : {16, 64, 256, 1024, 4096}) {
    if (!full && tokens != 64 && tokens != 1024) continue;
    for (const auto& [sigma, name] : {std::pair<double, const char*>{0, "sigma_0"},
                                      {0.7, "sigma_0.7"},
                                      {1.0, "sigma_1.0"},
                                      {2.0, "sigma_2.0"}})
      points.push_back(
          {library, dtype, "both", 2048, 768, sampled_counts(tokens, 8, 128, sigma, seed), name});
    std::vector<int> one_hot(128, 0);
    one_hot[5] = static_cast<int>(8 * tokens);
    points.push_back({library, dtype, "both", 2048, 768, one_hot, "one_hot"});
  }
  return points;
}

/// What a pass needs in memory besides cold weights that rotate, and whether it is worth the time:
/// at most 12 GB of weights, and 60 ms at 200 TFLOP/s, which an A100 reaches (3.3 in the
/// calibration notes: 244 of dense bf16).
inline bool grouped_fits(const GroupedPoint& point, std::size_t memory_bytes, double max_mib) {
  const double bytes = point.dtype == "fp32" ? 4 : point.dtype == "fp8" ? 1 : 2;
  const auto rows = static_cast<double>(point.rows());
  const double expert = static_cast<double>(point.shape().expert_elements());
  const double weights = static_cast<double>(active_experts(point.counts)) * expert * bytes;
  // Input, gate and up, their product, output: two bytes or four each.
  const double activations =
      rows * static_cast<double>(2 * point.hidden + 3 * point.intermediate) * std::max(bytes, 2.0);
  const double need = std::max(weights, 512e6) + weights + activations;
  return weights <= 12e9 && 2 * rows * expert <= 60e-3 * 200e12 &&
         need <= static_cast<double>(memory_bytes) && weights <= max_mib * 1048576;
}

inline std::vector<GroupedPoint> plan_grouped(const GroupedDevice& device, const Options& options) {
  std::vector<GroupedPoint> points;
  if (device.kind() == DeviceKind::kCpu) points = grouped_cpu_points(options.short_mode);
  if (device.kind() == DeviceKind::kCuda)
    for (const char* dtype : {"bf16", "fp8"})
      for (const std::string& library : device.libraries(dtype)) {
        const auto more = grouped_cuda_points(library, dtype, options.short_mode, options.seed);
        points.insert(points.end(), more.begin(), more.end());
      }
  const std::size_t memory = device.memory_bytes();
  points.erase(std::remove_if(points.begin(), points.end(),
                              [&](const GroupedPoint& point) {
                                return !grouped_fits(point, memory, options.max_mib) ||
                                       !device.supports(point);
                              }),
               points.end());
  shuffle_points(points, options.seed);
  return points;
}

inline void run_grouped_gemm(GroupedDevice& device, const Options& options, std::ostream& out) {
  for (const char* dtype : {"fp32", "bf16", "fp8"})
    for (const std::string& library : device.libraries(dtype))
      for (const char* stage : {"gate_up", "down", "both"})
        if (device.kind() == DeviceKind::kCuda || std::string(stage) == "both")
          check_grouped(device, library, dtype, stage, options.seed);
  const auto points = plan_grouped(device, options);
  if (points.empty()) throw std::runtime_error("no point fits in memory and below --max-mib");
  Table table(out, grouped_columns());
  measure_points(device, points, options, device.policy(options.short_mode), table);
}

}  // namespace moesim::kernels
