// Shapes of MoE layers that several operations measure, and how many rows each expert gets.
// Popularity is log-normal: expert e has the logarithm sigma * z_e, z_e standard normal; each token
// takes the top-k of that plus its own noise. Counts and popularities are functions of the seed
// alone. Not the simulator's routing (sim/routing), which does the same with drift and affinity.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/random_data.hpp"

namespace moesim::kernels {

struct MoeShape {
  std::size_t hidden = 0;
  std::size_t intermediate = 0;
  std::size_t experts = 0;
  std::size_t topk = 0;

  /// Elements of one gated expert: gate and up [intermediate x hidden], down [hidden x
  /// intermediate], each row by row, one behind the other.
  std::size_t expert_elements() const { return 3 * hidden * intermediate; }
};

/// Layers small enough to execute on one CPU thread, different in every dimension.
inline std::vector<MoeShape> cpu_layer_shapes() {
  return {{256, 512, 16, 2}, {384, 768, 8, 2}, {512, 256, 32, 4}};
}

/// A layer of Qwen3-30B-A3B (https://huggingface.co/Qwen/Qwen3-30B-A3B/blob/main/config.json) and
/// one eighth of the experts of a DeepSeek-V3 layer
/// (https://huggingface.co/deepseek-ai/DeepSeek-V3/blob/main/config.json), the share of one GPU of
/// eight.
inline std::vector<MoeShape> gpu_layer_shapes() {
  return {{2048, 768, 128, 8}, {7168, 2048, 32, 8}};
}

inline double uniform_open(std::size_t index, std::uint64_t seed) {
  return static_cast<double>(stream_value(index, seed)) - 1.0 + 0x1p-25;
}

/// sigma * z_e of every expert; Box-Muller.
inline std::vector<float> log_popularity(std::size_t experts, double sigma, std::uint64_t seed) {
  constexpr double two_pi = 6.283185307179586;
  std::vector<float> all(experts);
  for (std::size_t e = 0; e < experts; ++e)
    all[e] = static_cast<float>(sigma * std::sqrt(-2 * std::log(uniform_open(2 * e, seed))) *
                                std::cos(two_pi * uniform_open(2 * e + 1, seed)));
  return all;
}

/// The factor on signed_value() for router weights that gives logits the spread of Gumbel noise,
/// pi / sqrt(6), for inputs that are signed_value() too (variance 1/3 each).
inline float router_weight_scale(std::size_t hidden) {
  return static_cast<float>(3 * 1.2825498 / std::sqrt(static_cast<double>(hidden)));
}

/// Rows per expert when `tokens` tokens each take the `topk` largest of log-popularity plus Gumbel
/// noise.
inline std::vector<int> sampled_counts(std::size_t tokens, std::size_t topk, std::size_t experts,
                                       double sigma, std::uint64_t seed) {
  const std::vector<float> popularity = log_popularity(experts, sigma, seed);
  std::vector<int> counts(experts, 0);
  std::vector<std::pair<double, std::size_t>> keys(experts);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t e = 0; e < experts; ++e)
      keys[e] = {std::log(-std::log(uniform_open(t * experts + e, seed + 1))) -
                     static_cast<double>(popularity[e]),
                 e};
    std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(topk), keys.end());
    for (std::size_t k = 0; k < topk; ++k) ++counts[keys[k].second];
  }
  return counts;
}

inline std::string join_counts(const std::vector<int>& counts) {
  std::string text;
  for (const int count : counts) text += (text.empty() ? "" : " ") + std::to_string(count);
  return text;
}

inline std::size_t active_experts(const std::vector<int>& counts) {
  return static_cast<std::size_t>(
      std::count_if(counts.begin(), counts.end(), [](int count) { return count > 0; }));
}

/// Where the weights of each expert lie in set `set` of a pool of expert slots: the active experts
/// of a set take consecutive slots and no two sets share one, as if every pass were another layer
/// of a model with the same routing. Idle experts are never read.
inline std::vector<std::size_t> expert_slots(const std::vector<int>& counts, std::size_t set) {
  std::vector<std::size_t> slots(counts.size(), 0);
  std::size_t next = set * active_experts(counts);
  for (std::size_t e = 0; e < counts.size(); ++e)
    if (counts[e] > 0) slots[e] = next++;
  return slots;
}

}  // namespace moesim::kernels
