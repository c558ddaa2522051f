#include "sim/engine/launches.hpp"

#include <bit>

namespace moesim {
namespace {

/// A GEMM, and the kernel that quantises its input.
std::int64_t gemm(Dtype weight) {
  const bool quantised = weight == Dtype::fp8 || weight == Dtype::int8 || weight == Dtype::nvfp4;
  return quantised ? 2 : 1;
}

std::int64_t feed_forward(Dtype weight) { return 2 * gemm(weight) + 1; }

constexpr std::int64_t kRotaryCacheCore = 3;

/// Of latent attention: of queries; of keys and values.
std::int64_t up_projections(const Precision& precision) { return 2 * gemm(precision.attention); }

std::int64_t attention(const Architecture& model, const Precision& precision) {
  const auto projection = gemm(precision.attention);
  if (model.attention.kind != AttentionKind::kMultiHeadLatent)
    return 2 * projection + kRotaryCacheCore;
  const std::int64_t down_and_norms = projection + 2;
  return down_and_norms + up_projections(precision) + kRotaryCacheCore + projection;
}

}  // namespace

std::int64_t layer_launches(const Architecture& model, const Precision& precision,
                            const ParallelConfig& degrees, bool moe) {
  constexpr std::int64_t kNorms = 2;
  const std::int64_t sums = degrees.tensor > 1 ? 2 : 0;
  std::int64_t launches = attention(model, precision) + kNorms + sums;
  if (!moe) return launches + feed_forward(precision.dense);
  const std::int64_t routing = model.moe.groups > 1 ? 3 : 2;  // GEMM, scores by group, top-k
  constexpr std::int64_t kSortPermuteCombine = 3;
  launches += routing + kSortPermuteCombine + feed_forward(precision.experts);
  if (model.moe.shared_intermediate > 0) launches += feed_forward(precision.shared) + 1;
  if (degrees.exchanges()) launches += 2;
  return launches;
}

std::int64_t piecewise_launches(const Architecture& model, const Precision& precision) {
  const bool latent = model.attention.kind == AttentionKind::kMultiHeadLatent;
  return 1 + kRotaryCacheCore + (latent ? up_projections(precision) : 0);
}

std::int64_t graph_size(std::int64_t sequences, std::int64_t padding, std::int64_t linear_up_to) {
  for (const std::int64_t small : {1, 2, 4})
    if (sequences <= small && small < padding) return small;
  if (linear_up_to > 0 && sequences > linear_up_to)
    return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(sequences)));
  return (sequences + padding - 1) / padding * padding;
}

}  // namespace moesim
