// What the operations of an MoE layer have to compute, in plain loops over doubles: the router's
// choice, the gated expert, the layer. Slow on purpose; every program compares itself with this
// before it times anything. Rounding of stored values is the caller's `Stored`, a function (dtype
// is its affair) from float to float.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/moe_shape.hpp"
#include "kernels/random_data.hpp"

namespace moesim::kernels {

using Stored = std::function<float(float)>;

/// Element of an expert's weights; the scale keeps activations near one for all widths used here.
constexpr float weight_value(std::size_t index, std::uint64_t seed) {
  return signed_value(index, seed + 1) * 0.0625F;
}
constexpr float input_value(std::size_t index, std::uint64_t seed) {
  return signed_value(index, seed);
}
inline float router_value(std::size_t index, std::size_t hidden, std::uint64_t seed) {
  return signed_value(index, seed + 2) * router_weight_scale(hidden);
}

/// groups == 1: softmax over logits + bias, the top-k, weights normalised to one (Qwen3). groups >
/// 1: sigmoid scores; choice by score + bias among the `topk_groups` groups with the largest sum of
/// their two best; weights are the scores, normalised to one (DeepSeek-V3, arXiv:2412.19437 eq.
/// 12-16, without its constant factor).
struct RouterRule {
  std::size_t experts = 0;
  std::size_t topk = 0;
  std::size_t groups = 1;
  std::size_t topk_groups = 1;
};

struct RoutedToken {
  std::vector<int> ids;  ///< by falling score
  std::vector<double> weights;
  double margin = 0;  ///< how near another choice was; rounding may turn a choice within it
};

/// Indices of the `count` largest of `keys`, ties to the lower index; lowers `margin` to the gap
/// behind the last of them.
inline std::vector<int> largest(const std::vector<double>& keys, std::size_t count,
                                double& margin) {
  std::vector<int> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return keys[a] > keys[b]; });
  if (count < keys.size()) margin = std::min(margin, keys[order[count - 1]] - keys[order[count]]);
  order.resize(count);
  return order;
}

inline RoutedToken reference_route(const RouterRule& rule, const std::vector<double>& logits,
                                   const std::vector<float>& bias) {
  RoutedToken token;
  token.margin = std::numeric_limits<double>::infinity();
  std::vector<double> scores(rule.experts), keys(rule.experts);
  for (std::size_t e = 0; e < rule.experts; ++e) {
    const auto shift = static_cast<double>(bias[e]);
    scores[e] = rule.groups > 1 ? 1 / (1 + std::exp(-logits[e])) : std::exp(logits[e] + shift);
    keys[e] = rule.groups > 1 ? scores[e] + shift : logits[e] + shift;
  }
  if (rule.groups > 1) {
    const std::size_t width = rule.experts / rule.groups;
    std::vector<double> sums(rule.groups);
    for (std::size_t g = 0; g < rule.groups; ++g) {
      const auto begin = keys.begin() + static_cast<std::ptrdiff_t>(g * width);
      std::vector<double> group(begin, begin + static_cast<std::ptrdiff_t>(width));
      std::sort(group.rbegin(), group.rend());
      sums[g] = group[0] + group[1];
    }
    const std::vector<int> kept = largest(sums, rule.topk_groups, token.margin);
    for (std::size_t e = 0; e < rule.experts; ++e)
      if (std::find(kept.begin(), kept.end(), static_cast<int>(e / width)) == kept.end())
        keys[e] = -std::numeric_limits<double>::infinity();
  }
  token.ids = largest(keys, rule.topk, token.margin);
  double sum = 0;
  for (const int id : token.ids) sum += scores[id];
  for (const int id : token.ids) token.weights.push_back(scores[id] / sum);
  return token;
}

/// y = down * (silu(gate x) * (up x)) of one row. `weights(i)` is element i of the expert; `mid`
/// rounds the outputs of gate and up, `activation` what the down projection reads.
template <class Weights>
std::vector<double> reference_ffn(const MoeShape& shape, Weights weights,
                                  const std::vector<double>& x, const Stored& mid,
                                  const Stored& activation) {
  const std::size_t h = shape.hidden, n = shape.intermediate;
  const auto dot = [&](std::size_t first, const std::vector<double>& v) {
    double sum = 0;
    for (std::size_t i = 0; i < v.size(); ++i)
      sum += static_cast<double>(weights(first + i)) * v[i];
    return sum;
  };
  std::vector<double> hidden(n), y(h);
  for (std::size_t j = 0; j < n; ++j) {
    const auto gate = static_cast<double>(mid(static_cast<float>(dot(j * h, x))));
    const auto up = static_cast<double>(mid(static_cast<float>(dot((n + j) * h, x))));
    hidden[j] =
        static_cast<double>(activation(static_cast<float>(gate / (1 + std::exp(-gate)) * up)));
  }
  for (std::size_t j = 0; j < h; ++j) y[j] = dot(2 * n * h + j * n, hidden);
  return y;
}

}  // namespace moesim::kernels
