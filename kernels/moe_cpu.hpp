// The pieces of an MoE layer on one CPU thread, written with Eigen: route, permute, expert,
// unpermute. The programs that measure the pieces and the one that executes whole layers call these
// same functions, so that their sum can predict it. fp32; a token is a column. No piece allocates
// but for Eigen's packing of large products.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "kernels/moe_reference.hpp"
#include "kernels/moe_shape.hpp"

namespace moesim::kernels {

using CpuMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic>;
using CpuColumns = Eigen::Map<CpuMatrix>;
using CpuInput = Eigen::Map<const CpuMatrix>;
using CpuWeights =
    Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

inline Eigen::Index as_index(std::size_t value) { return static_cast<Eigen::Index>(value); }

/// Choices of all tokens: expert and weight of choice c of token t at [t * topk + c].
struct CpuRouting {
  CpuMatrix logits;  ///< experts x tokens
  std::vector<float> keys, groups;
  std::vector<int> ids;
  std::vector<float> weights;

  CpuRouting(const RouterRule& rule, std::size_t tokens)
      : logits(CpuMatrix::Zero(as_index(rule.experts), as_index(tokens))),
        keys(rule.experts),
        groups(rule.groups),
        ids(tokens * rule.topk),
        weights(tokens * rule.topk) {}
};

/// Index of the largest key, which is then struck out.
inline int take_largest(std::vector<float>& keys) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < keys.size(); ++i)
    if (keys[i] > keys[best]) best = i;
  keys[best] = -std::numeric_limits<float>::infinity();
  return static_cast<int>(best);
}

/// Strikes out the keys of all but the best `rule.topk_groups` groups.
inline void keep_best_groups(const RouterRule& rule, CpuRouting& routing) {
  const std::size_t width = rule.experts / rule.groups;
  for (std::size_t g = 0; g < rule.groups; ++g) {
    float first = -std::numeric_limits<float>::infinity(), second = first;
    for (std::size_t e = g * width; e < (g + 1) * width; ++e) {
      second = std::max(second, std::min(first, routing.keys[e]));
      first = std::max(first, routing.keys[e]);
    }
    routing.groups[g] = first + second;
  }
  for (std::size_t g = 0; g < rule.topk_groups; ++g) take_largest(routing.groups);
  for (std::size_t e = 0; e < rule.experts; ++e)
    if (routing.groups[e / width] > -std::numeric_limits<float>::infinity())
      routing.keys[e] = -std::numeric_limits<float>::infinity();
}

/// See RouterRule. `router` is experts x hidden, row by row; `x` hidden x tokens.
inline void cpu_route(const RouterRule& rule, std::size_t hidden, std::size_t tokens,
                      const float* router, const float* bias, const float* x, CpuRouting& routing) {
  routing.logits.noalias() = CpuWeights(router, as_index(rule.experts), as_index(hidden)) *
                             CpuInput(x, as_index(hidden), as_index(tokens));
  for (std::size_t t = 0; t < tokens; ++t) {
    float* logits = routing.logits.data() + t * rule.experts;
    for (std::size_t e = 0; e < rule.experts; ++e) {
      if (rule.groups > 1) logits[e] = 1 / (1 + std::exp(-logits[e]));
      routing.keys[e] = logits[e] + bias[e];
      if (rule.groups == 1) logits[e] = routing.keys[e];
    }
    if (rule.groups > 1) keep_best_groups(rule, routing);
    int* ids = routing.ids.data() + t * rule.topk;
    float* weights = routing.weights.data() + t * rule.topk;
    for (std::size_t k = 0; k < rule.topk; ++k) ids[k] = take_largest(routing.keys);
    float sum = 0;
    for (std::size_t k = 0; k < rule.topk; ++k) {
      const float score = logits[ids[k]];
      weights[k] = rule.groups > 1 ? score : std::exp(score - logits[ids[0]]);
      sum += weights[k];
    }
    for (std::size_t k = 0; k < rule.topk; ++k) weights[k] /= sum;
  }
}

/// Rows sorted by expert: those of expert e are offsets[e] .. offsets[e + 1]; choice i of the
/// routing is row slots[i].
struct CpuPermutation {
  std::vector<int> offsets;
  std::vector<int> next;
  std::vector<int> slots;

  CpuPermutation(std::size_t experts, std::size_t choices)
      : offsets(experts + 1), next(experts), slots(choices) {}
};

/// Histogram, scan, gather.
inline void cpu_permute(std::size_t hidden, std::size_t topk, const std::vector<int>& ids,
                        const float* x, CpuPermutation& permutation, float* rows) {
  std::fill(permutation.offsets.begin(), permutation.offsets.end(), 0);
  for (const int id : ids) ++permutation.offsets[static_cast<std::size_t>(id) + 1];
  for (std::size_t e = 0; e < permutation.next.size(); ++e) {
    permutation.next[e] = permutation.offsets[e];
    permutation.offsets[e + 1] += permutation.offsets[e];
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const int slot = permutation.next[static_cast<std::size_t>(ids[i])]++;
    permutation.slots[i] = slot;
    std::copy_n(x + i / topk * hidden, hidden, rows + static_cast<std::size_t>(slot) * hidden);
  }
}

/// y of each token = sum over its choices of weight * row.
inline void cpu_unpermute(std::size_t hidden, std::size_t topk, const std::vector<float>& weights,
                          const CpuPermutation& permutation, const float* rows, float* y) {
  using Vector = Eigen::Map<Eigen::VectorXf>;
  using Row = Eigen::Map<const Eigen::VectorXf>;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    Vector out(y + i / topk * hidden, as_index(hidden));
    const Row row(rows + static_cast<std::size_t>(permutation.slots[i]) * hidden, as_index(hidden));
    if (i % topk == 0)
      out = weights[i] * row;
    else
      out += weights[i] * row;
  }
}

/// What an expert needs between its products, for up to `rows` rows.
struct CpuFfnScratch {
  std::vector<float> gate, up;
  CpuFfnScratch(std::size_t intermediate, std::size_t rows)
      : gate(intermediate * rows), up(intermediate * rows) {}
};

/// Three products and silu-mul: rows x to rows y of one expert. Layout of `expert`: MoeShape.
inline void cpu_ffn(const MoeShape& shape, const float* expert, const float* x, std::size_t rows,
                    CpuFfnScratch& scratch, float* y) {
  const Eigen::Index h = as_index(shape.hidden), n = as_index(shape.intermediate);
  const Eigen::Index m = as_index(rows);
  const CpuInput in(x, h, m);
  CpuColumns gate(scratch.gate.data(), n, m), up(scratch.up.data(), n, m);
  gate.noalias() = CpuWeights(expert, n, h) * in;
  up.noalias() = CpuWeights(expert + n * h, n, h) * in;
  gate.array() *= up.array() / (1 + (-gate.array()).exp());
  CpuColumns(y, h, m).noalias() = CpuWeights(expert + 2 * n * h, h, n) * gate;
}

/// Weights of many experts, made once and used by all points: slot i begins at i * elements of one
/// expert.
class CpuExpertPool {
 public:
  const float* reserve(std::size_t elements, std::uint64_t seed) {
    if (elements > values_.size() || seed != seed_) {
      values_ = {};
      values_.resize(elements);
      seed_ = seed;
      for (std::size_t i = 0; i < elements; ++i) values_[i] = weight_value(i, seed);
    }
    return values_.data();
  }

 private:
  std::vector<float> values_;
  std::uint64_t seed_ = 0;
};

}  // namespace moesim::kernels
