// Operation moe_layer: a whole MoE layer executed, from hidden states to hidden states: route,
// permute, experts (gate and up, silu-mul, down), unpermute. It calls the functions that
// router_topk, permute and grouped_gemm measure piece by piece, and is what a prediction from these
// is held against. Weights are cold, as if each pass were another layer of a model; the router's
// logits carry a popularity of spread `skew`, so that loads are uneven.
//
// Does not model: transfers between ranks, shared experts, norms.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/bench_device.hpp"
#include "kernels/moe_reference.hpp"
#include "kernels/moe_shape.hpp"
#include "kernels/router_topk.hpp"
#include "kernels/shuffle.hpp"

namespace moesim::kernels {

struct LayerPoint {
  std::string dtype;
  MoeShape shape;
  std::size_t tokens = 0;
  double skew = 0;
  std::vector<int> counts = {};  ///< rows of every expert, known once it was routed

  RouterRule rule() const { return {shape.experts, shape.topk, 1, 1}; }
  std::vector<std::string> key_cells() const {
    return {"moe_layer",
            dtype,
            std::to_string(shape.hidden),
            std::to_string(shape.intermediate),
            std::to_string(shape.experts),
            std::to_string(shape.topk),
            std::to_string(tokens),
            csv_number(skew),
            join_counts(counts)};
  }
};

inline std::vector<std::string> layer_columns() {
  return columns_with_values({"op", "dtype", "hidden", "intermediate", "experts", "topk", "tokens",
                              "skew", "tokens_per_expert"});
}

/// Tokens are input_value(), router weights router_value(), expert weights weight_value() over the
/// pool of expert slots (expert_slots()), the router's bias log_popularity(experts, skew, seed +
/// 3).
class LayerDevice : public BenchDevice {
 public:
  virtual std::string dtype() const = 0;
  virtual std::string library(const LayerPoint& point) const = 0;
  /// Makes the data and routes once, which fills in `counts`.
  virtual void prepare(LayerPoint& point, std::uint64_t seed) = 0;
  /// One pass over set 0: output rows in the order of tokens.
  virtual std::vector<float> result(const LayerPoint& point) = 0;
  virtual Sampler sampler(const LayerPoint& point) = 0;
};

/// Whole layers against loops over doubles; throws when one differs. Tokens whose choice of experts
/// rounding may turn are left out.
inline void check_layer(LayerDevice& device, std::uint64_t seed) {
  const std::string dtype = device.dtype();
  const auto stored = [&](float value) { return device.stored(dtype, value); };
  for (const std::size_t tokens : {std::size_t{1}, std::size_t{90}}) {
    LayerPoint point{dtype, {256, 128, 8, 2}, tokens, 1.0};
    device.prepare(point, seed);
    const std::vector<float> y = device.result(point);
    const std::size_t h = point.shape.hidden;
    if (y.size() != tokens * h) throw std::runtime_error("moe_layer: wrong number of values");
    const auto slots = expert_slots(point.counts, 0);
    const auto bias = log_popularity(point.shape.experts, point.skew, seed + 3);
    std::vector<float> actual;
    std::vector<double> expected, x(h);
    for (std::size_t t = 0; t < tokens; ++t) {
      const RoutedToken token = reference_token(device, dtype, point.rule(), h, t, bias, seed);
      if (token.margin < kRouterMargin) continue;
      for (std::size_t i = 0; i < h; ++i)
        x[i] = static_cast<double>(stored(input_value(t * h + i, seed)));
      const std::size_t row = expected.size();
      expected.resize(row + h, 0);
      for (std::size_t k = 0; k < token.ids.size(); ++k) {
        const std::size_t first = slots[token.ids[k]] * point.shape.expert_elements();
        const auto weights = [&](std::size_t i) { return stored(weight_value(first + i, seed)); };
        const auto out = reference_ffn(point.shape, weights, x, stored, stored);
        for (std::size_t i = 0; i < h; ++i) expected[row + i] += token.weights[k] * out[i];
      }
      const auto begin = y.begin() + static_cast<std::ptrdiff_t>(t * h);
      actual.insert(actual.end(), begin, begin + static_cast<std::ptrdiff_t>(h));
    }
    if (actual.size() * 10 < y.size() * 8)
      throw std::runtime_error("moe_layer: too few tokens have a clear choice");
    check_rows("moe_layer " + dtype, actual, expected, h, tolerance_of(dtype));
  }
}

/// Shapes x three skews x token counts.
inline std::vector<LayerPoint> plan_layers(const LayerDevice& device, const Options& options) {
  const bool cpu = device.kind() == DeviceKind::kCpu;
  std::vector<MoeShape> shapes = cpu ? cpu_layer_shapes() : gpu_layer_shapes();
  std::vector<std::size_t> tokens = {1, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096};
  if (cpu) tokens = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
  std::vector<double> skews = {0, 0.7, 2.0};
  if (options.short_mode) {
    shapes.resize(1);
    tokens = {1, 8, 64};
    skews = {0.7};
  }
  const double element = cpu ? 4 : 2;
  std::vector<LayerPoint> points;
  for (const MoeShape& shape : shapes)
    for (const double skew : skews)
      for (const std::size_t t : tokens) {
        const double weights =
            static_cast<double>(shape.experts * shape.expert_elements()) * element;
        const auto rows = static_cast<double>((t + 1) * shape.topk);
        const double need =
            2 * weights + 512e6 +
            rows * static_cast<double>(2 * shape.hidden + 3 * shape.intermediate) * element;
        if (need <= static_cast<double>(device.memory_bytes()) &&
            weights <= options.max_mib * 1048576)
          points.push_back({device.dtype(), shape, t, skew});
      }
  shuffle_points(points, options.seed);
  return points;
}

inline void run_moe_layer(LayerDevice& device, const Options& options, std::ostream& out) {
  check_layer(device, options.seed);
  auto points = plan_layers(device, options);
  if (points.empty()) throw std::runtime_error("no layer fits in memory and below --max-mib");
  Table table(out, layer_columns());
  measure_points(device, points, options, device.policy(options.short_mode), table);
}

}  // namespace moesim::kernels
