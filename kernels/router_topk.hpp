// Operation router_topk: the gate of an MoE layer. A product of tokens with the router's weights,
// then softmax and top-k, or sigmoid, bias, choice of groups and top-k (RouterRule). Weights and
// tokens of a pass are cold.
//
// Does not model: the balancing loss, a router whose weights are split over ranks.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/bench_device.hpp"
#include "kernels/moe_reference.hpp"
#include "kernels/moe_shape.hpp"
#include "kernels/shuffle.hpp"

namespace moesim::kernels {

struct RouterPoint {
  std::string dtype;
  std::size_t tokens = 0;
  std::size_t hidden = 0;
  RouterRule rule;

  std::vector<std::string> key_cells() const {
    return {"router_topk",
            dtype,
            std::to_string(tokens),
            std::to_string(hidden),
            std::to_string(rule.experts),
            std::to_string(rule.topk),
            std::to_string(rule.groups),
            std::to_string(rule.topk_groups)};
  }
};

inline std::vector<std::string> router_columns() {
  return columns_with_values(
      {"op", "dtype", "tokens", "hidden", "experts", "topk", "groups", "topk_groups"});
}

struct RouterResult {
  std::vector<int> ids;        ///< [token][choice]
  std::vector<float> weights;  ///< [token][choice]
};

/// Tokens are input_value(), weights router_value() stored in the point's dtype, the bias
/// log_popularity(experts, 0.7, seed + 3) in fp32; set s continues the indices of set s-1.
class RouterDevice : public BenchDevice {
 public:
  virtual std::vector<std::string> dtypes() const = 0;
  virtual std::string library(const RouterPoint& point) const = 0;
  virtual void prepare(const RouterPoint& point, std::uint64_t seed) = 0;
  /// One pass over set 0.
  virtual RouterResult result(const RouterPoint& point) = 0;
  virtual Sampler sampler(const RouterPoint& point) = 0;
};

constexpr double kRouterSkew = 0.7;

/// The routing of token `t` in doubles; x and router are what the device stored.
inline RoutedToken reference_token(const BenchDevice& device, const std::string& dtype,
                                   const RouterRule& rule, std::size_t hidden, std::size_t t,
                                   const std::vector<float>& bias, std::uint64_t seed) {
  std::vector<double> logits(rule.experts, 0);
  for (std::size_t e = 0; e < rule.experts; ++e)
    for (std::size_t i = 0; i < hidden; ++i)
      logits[e] +=
          static_cast<double>(device.stored(dtype, input_value(t * hidden + i, seed))) *
          static_cast<double>(device.stored(dtype, router_value(e * hidden + i, hidden, seed)));
  return reference_route(rule, logits, bias);
}

/// Choices nearer than this may turn with the rounding of a logit.
constexpr double kRouterMargin = 1e-3;

/// Compares choices and weights of all tokens whose choice rounding cannot turn, which must be
/// most. Throws when one differs.
inline void check_routing(const std::string& what, const RouterResult& result,
                          const std::vector<RoutedToken>& expected) {
  const std::size_t topk = expected.at(0).ids.size();
  if (result.ids.size() != expected.size() * topk || result.weights.size() != result.ids.size())
    throw std::runtime_error(what + ": wrong result, not every token has its choices");
  std::size_t clear = 0;
  for (std::size_t t = 0; t < expected.size(); ++t) {
    if (expected[t].margin < kRouterMargin) continue;
    ++clear;
    for (std::size_t k = 0; k < topk; ++k) {
      // By falling score; two that are nearly equal may be swapped.
      const auto& ids = expected[t].ids;
      const auto found = std::find(ids.begin(), ids.end(), result.ids[t * topk + k]);
      const double weight = static_cast<double>(result.weights[t * topk + k]);
      const bool distinct =
          std::count(result.ids.begin() + static_cast<std::ptrdiff_t>(t * topk),
                     result.ids.begin() + static_cast<std::ptrdiff_t>((t + 1) * topk),
                     result.ids[t * topk + k]) == 1;
      if (found == ids.end() || !distinct ||
          !(std::fabs(weight - expected[t].weights[found - ids.begin()]) <= 2e-3))
        throw std::runtime_error(what + ": wrong result, choice " + std::to_string(k) +
                                 " of token " + std::to_string(t));
    }
  }
  if (10 * clear < 8 * expected.size())
    throw std::runtime_error(what + ": too few tokens have a clear choice");
}

inline void check_router(RouterDevice& device, const std::string& dtype, std::uint64_t seed) {
  for (const RouterRule& rule : {RouterRule{16, 2, 1, 1}, RouterRule{128, 8, 1, 1},
                                 RouterRule{8, 8, 1, 1}, RouterRule{64, 6, 8, 4}}) {
    const RouterPoint point{dtype, 77, 256, rule};
    const auto bias = log_popularity(rule.experts, kRouterSkew, seed + 3);
    device.prepare(point, seed);
    const RouterResult result = device.result(point);
    std::vector<RoutedToken> expected;
    for (std::size_t t = 0; t < point.tokens; ++t)
      expected.push_back(reference_token(device, dtype, rule, point.hidden, t, bias, seed));
    check_routing("router_topk " + dtype, result, expected);
  }
}

inline std::vector<RouterPoint> plan_router(const RouterDevice& device, const Options& options) {
  std::vector<RouterPoint> points;
  const auto add = [&](const std::string& dtype, std::size_t hidden, const RouterRule& rule,
                       const std::vector<std::size_t>& tokens) {
    for (const std::size_t t : tokens) points.push_back({dtype, t, hidden, rule});
  };
  if (device.kind() == DeviceKind::kCpu) {
    std::vector<std::size_t> tokens = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
    if (options.short_mode) tokens = {1, 16, 64};
    for (const MoeShape& shape : cpu_layer_shapes())
      add("fp32", shape.hidden, {shape.experts, shape.topk, 1, 1}, tokens);
    if (!options.short_mode) add("fp32", 256, {64, 6, 8, 4}, tokens);
  } else {
    const std::vector<std::size_t> tokens =
        options.short_mode ? std::vector<std::size_t>{1, 64}
                           : std::vector<std::size_t>{1, 4, 16, 64, 256, 1024, 4096, 8192};
    for (const std::size_t experts : {8, 64, 128, 256})
      for (const std::size_t topk : {2, 8})
        if (topk < experts) add("bf16", 2048, {experts, topk, 1, 1}, tokens);
    add("bf16", 7168, {32, 8, 1, 1}, tokens);
    add("bf16", 7168, {256, 8, 8, 4}, tokens);  // DeepSeek-V3
  }
  shuffle_points(points, options.seed);
  return points;
}

/// Passes of microseconds that repeat well.
inline TimingPolicy router_policy(const RouterDevice& device, const Options& options) {
  return brief(device.policy(options.short_mode));
}

inline void run_router_topk(RouterDevice& device, const Options& options, std::ostream& out) {
  for (const std::string& dtype : device.dtypes()) check_router(device, dtype, options.seed);
  Table table(out, router_columns());
  measure_points(device, plan_router(device, options), options, router_policy(device, options),
                 table);
}

}  // namespace moesim::kernels
