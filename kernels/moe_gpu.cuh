// The pieces of an MoE layer on a GPU that are not products: choice of experts, permute, unpermute.
// The programs that measure the pieces and the one that executes whole layers launch these same
// kernels. All run on the stream of a Gpu, allocate nothing and may be captured; no count ever
// reaches the host.
#pragma once

#include <cfloat>
#include <cstddef>
#include <stdexcept>

#include "kernels/block_scan.cuh"
#include "kernels/gpu_memory.cuh"
#include "kernels/moe_reference.hpp"

namespace moesim::kernels {

constexpr int kMostRouted = 256;  ///< experts that topk_kernel can choose from
constexpr int kLaneExperts = kMostRouted / 32;
constexpr int kRouterWarps = kThreads / 32;

/// The larger key, ties to the lower index, in all lanes of the warp.
__device__ inline void warp_largest(float& key, int& index) {
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    const float other_key = __shfl_xor_sync(0xffffffffU, key, lanes);
    const int other_index = __shfl_xor_sync(0xffffffffU, index, lanes);
    if (other_key > key || (other_key == key && other_index < index)) {
      key = other_key;
      index = other_index;
    }
  }
}

/// Bits of the `kept` groups with the largest sums of their two best keys. `keys` are those of one
/// token in shared memory; every lane of the warp calls.
__device__ inline unsigned best_groups(const float* keys, int experts, int groups, int kept) {
  const int lane = static_cast<int>(threadIdx.x) % 32, width = experts / groups;
  float first = -FLT_MAX, second = -FLT_MAX;
  for (int i = 0; lane < groups && i < width; ++i) {
    const float key = keys[lane * width + i];
    second = fmaxf(second, fminf(first, key));
    first = fmaxf(first, key);
  }
  const float sum = lane < groups ? first + second : -FLT_MAX;
  int better = 0;
  for (int g = 0; g < groups; ++g) {
    const float other = __shfl_sync(0xffffffffU, sum, g);
    better += other > sum || (other == sum && g < lane) ? 1 : 0;
  }
  return __ballot_sync(0xffffffffU, lane < groups && better < kept);
}

/// One warp for each token; see RouterRule. Needs topk <= 32, groups <= 32, experts <= 256.
__global__ void __launch_bounds__(kThreads)
    topk_kernel(const float* logits, const float* bias, int tokens, int experts, int topk,
                int groups, int topk_groups, int* ids, float* weights) {
  __shared__ float shared[kRouterWarps][kMostRouted];
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int token = static_cast<int>(blockIdx.x) * kRouterWarps + warp;
  if (token >= tokens) return;  // the whole warp; nothing below waits for the block
  const float* const row = logits + static_cast<std::size_t>(token) * experts;
  float keys[kLaneExperts];
  for (int j = 0; j < kLaneExperts; ++j) {
    const int e = lane + 32 * j;
    keys[j] = -FLT_MAX;
    if (e >= experts) continue;
    keys[j] = (groups > 1 ? 1.0F / (1.0F + expf(-row[e])) : row[e]) + bias[e];
    shared[warp][e] = keys[j];
  }
  __syncwarp();
  if (groups > 1) {
    const unsigned kept = best_groups(shared[warp], experts, groups, topk_groups);
    for (int j = 0; j < kLaneExperts; ++j) {
      const int e = lane + 32 * j;
      if (e < experts && (kept >> (e * groups / experts) & 1U) == 0) keys[j] = -FLT_MAX;
    }
  }
  int chosen = 0;   // of this lane: choice `lane`
  float score = 0;  // its weight before normalisation
  float largest_key = 0;
  for (int k = 0; k < topk; ++k) {
    float key = -FLT_MAX;
    int index = experts;
    for (int j = 0; j < kLaneExperts; ++j)
      if (keys[j] > key) {
        key = keys[j];
        index = lane + 32 * j;
      }
    warp_largest(key, index);
    if (k == 0) largest_key = key;
    for (int j = 0; j < kLaneExperts; ++j)
      if (lane + 32 * j == index) keys[j] = -FLT_MAX;
    if (lane != k) continue;
    chosen = index;
    score = groups > 1 ? 1.0F / (1.0F + expf(-row[index])) : expf(key - largest_key);
  }
  float sum = lane < topk ? score : 0;
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(0xffffffffU, sum, lanes);
  if (lane >= topk) return;
  ids[static_cast<std::size_t>(token) * topk + lane] = chosen;
  weights[static_cast<std::size_t>(token) * topk + lane] = score / sum;
}

inline void launch_topk(const Gpu& gpu, const RouterRule& rule, std::size_t tokens,
                        const float* logits, const float* bias, int* ids, float* weights) {
  if (rule.experts > kMostRouted || rule.topk > 32 || rule.groups > 32)
    throw std::logic_error("more experts, choices or groups than topk_kernel can hold");
  const auto blocks = static_cast<unsigned>((tokens + kRouterWarps - 1) / kRouterWarps);
  topk_kernel<<<blocks, kThreads, 0, gpu.stream()>>>(
      logits, bias, static_cast<int>(tokens), static_cast<int>(rule.experts),
      static_cast<int>(rule.topk), static_cast<int>(rule.groups),
      static_cast<int>(rule.topk_groups), ids, weights);
  check(cudaGetLastError(), "cannot launch topk");
}

constexpr int kMostPermuted = 1024;  ///< experts that rows can be sorted by

/// counts[e] += choices of e; ranks[i] = which of its expert's choice i is. Blocks count in shared
/// memory first, so that a popular expert does not serialise them all.
__global__ void __launch_bounds__(kThreads)
    histogram_kernel(const int* ids, int choices, int experts, int* counts, int* ranks) {
  __shared__ int local[kMostPermuted];
  for (int e = static_cast<int>(threadIdx.x); e < experts; e += kThreads) local[e] = 0;
  __syncthreads();
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  const int id = i < choices ? ids[i] : 0;
  int rank = 0;
  if (i < choices) rank = atomicAdd(&local[id], 1);
  __syncthreads();
  for (int e = static_cast<int>(threadIdx.x); e < experts; e += kThreads)
    local[e] = local[e] > 0 ? atomicAdd(&counts[e], local[e]) : 0;
  __syncthreads();
  if (i < choices) ranks[i] = local[id] + rank;
}

/// One block: offsets[e] = sum of counts before e, for e = 0 .. experts; counts go back to zero.
__global__ void __launch_bounds__(kMostPermuted)
    scan_kernel(int* counts, int experts, int* offsets) {
  __shared__ int sums[kMostPermuted];
  const int e = static_cast<int>(threadIdx.x);
  const int until = block_scan(sums, e < experts ? counts[e] : 0);
  if (e < experts) counts[e] = 0;
  if (e < experts) offsets[e + 1] = until;
  if (e == 0) offsets[0] = 0;
}

/// One block for each choice: its token's row to its slot; rows are `chunks` times 16 bytes.
__global__ void gather_kernel(const uint4* x, const int* ids, const int* offsets, const int* ranks,
                              int topk, int chunks, int* slots, uint4* rows) {
  const std::size_t i = blockIdx.x;
  const int slot = offsets[ids[i]] + ranks[i];
  const uint4* const from = x + i / static_cast<std::size_t>(topk) * chunks;
  uint4* const to = rows + static_cast<std::size_t>(slot) * chunks;
  for (int c = static_cast<int>(threadIdx.x); c < chunks; c += static_cast<int>(blockDim.x))
    to[c] = from[c];
  if (threadIdx.x == 0) slots[i] = slot;
}

/// One block for each token: y = sum over its choices of weight * row, summed in fp32. `chunks` are
/// 8 elements.
__global__ void unpermute_kernel(const uint4* rows, const int* slots, const float* weights,
                                 int topk, int chunks, uint4* y) {
  const std::size_t token = blockIdx.x;
  for (int c = static_cast<int>(threadIdx.x); c < chunks; c += static_cast<int>(blockDim.x)) {
    float sums[8] = {};
    for (int k = 0; k < topk; ++k) {
      const std::size_t i = token * static_cast<std::size_t>(topk) + k;
      const uint4 eight = rows[static_cast<std::size_t>(slots[i]) * chunks + c];
      const auto* values = reinterpret_cast<const Bf16*>(&eight);
      const float weight = weights[i];
      for (int j = 0; j < 8; ++j) sums[j] += weight * __bfloat162float(values[j]);
    }
    uint4 out;
    auto* values = reinterpret_cast<Bf16*>(&out);
    for (int j = 0; j < 8; ++j) values[j] = __float2bfloat16(sums[j]);
    y[token * chunks + c] = out;
  }
}

/// Where permute puts the rows: those of expert e are offsets[e] .. offsets[e + 1], choice i of the
/// routing is row slots[i].
class GpuPermutation {
 public:
  void prepare(std::size_t experts, std::size_t choices) {
    if (experts > kMostPermuted) throw std::logic_error("more experts than can be sorted by");
    experts_ = static_cast<int>(experts);
    choices_ = static_cast<int>(choices);
    offsets_.reserve(experts + 1);
    slots_.reserve(choices);
    ranks_.reserve(choices);
    counts_.reserve(kMostPermuted);
    check(cudaMemset(counts_.get(), 0, kMostPermuted * sizeof(int)), "cannot clear the counts");
  }

  /// Histogram, scan, gather of rows of `row_bytes`, a multiple of 16.
  void permute(const Gpu& gpu, std::size_t topk, std::size_t row_bytes, const int* ids,
               const void* x, void* rows) const {
    const auto blocks = static_cast<unsigned>((choices_ + kThreads - 1) / kThreads);
    histogram_kernel<<<blocks, kThreads, 0, gpu.stream()>>>(ids, choices_, experts_, counts_.get(),
                                                            ranks_.get());
    check(cudaGetLastError(), "cannot launch the histogram");
    scan_kernel<<<1, kMostPermuted, 0, gpu.stream()>>>(counts_.get(), experts_, offsets_.get());
    check(cudaGetLastError(), "cannot launch the scan");
    gather_kernel<<<static_cast<unsigned>(choices_), kThreads, 0, gpu.stream()>>>(
        static_cast<const uint4*>(x), ids, offsets_.get(), ranks_.get(), static_cast<int>(topk),
        static_cast<int>(row_bytes / 16), slots_.get(), static_cast<uint4*>(rows));
    check(cudaGetLastError(), "cannot launch the gather");
  }

  void unpermute(const Gpu& gpu, std::size_t topk, std::size_t hidden, const float* weights,
                 const Bf16* rows, Bf16* y) const {
    unpermute_kernel<<<static_cast<unsigned>(static_cast<std::size_t>(choices_) / topk), kThreads,
                       0, gpu.stream()>>>(
        reinterpret_cast<const uint4*>(rows), slots_.get(), weights, static_cast<int>(topk),
        static_cast<int>(hidden / 8), reinterpret_cast<uint4*>(y));
    check(cudaGetLastError(), "cannot launch the unpermute");
  }

  const int* offsets() const { return offsets_.get(); }
  const int* slots() const { return slots_.get(); }

 private:
  int experts_ = 0, choices_ = 0;
  GrowingArray<int> offsets_, slots_, ranks_, counts_;
};

}  // namespace moesim::kernels
