// What split-KV attention does after its splits: every split left its normalised output row and the
// base-2 logarithm of its sum of exponentials; the merge weighs the rows by them. One block per
// query row. Width: a multiple of 128, at most 1024. Source of the method: FlashDecoding,
// https://pytorch.org/blog/flash-decoding/.
#pragma once

#include <cuda_bf16.h>

#include "kernels/gpu.cuh"
#include "kernels/softmax.cuh"

namespace moesim::kernels {

/// partial: [row][split][width], log_sum: [row][split], out: [row][width].
__global__ void merge_splits(const float* partial, const float* log_sum, __nv_bfloat16* out,
                             int splits, int width) {
  __shared__ float4 sums[kThreads];
  const std::size_t row = blockIdx.x;
  const float* logs = log_sum + row * splits;
  float largest = -INFINITY;
  for (int s = 0; s < splits; ++s) largest = fmaxf(largest, logs[s]);
  float total = 0;
  for (int s = 0; s < splits; ++s) total += exp2f(logs[s] - largest);

  const int vectors = width / 4;  // of one row; the threads take the splits in groups of so many
  const int groups = kThreads / vectors;
  const int group = static_cast<int>(threadIdx.x) / vectors;
  const int vector = static_cast<int>(threadIdx.x) % vectors;
  float4 sum = make_float4(0, 0, 0, 0);
  if (group < groups) {
#pragma unroll 4
    for (int s = group; s < splits; s += groups) {
      const float weight = exp2f(logs[s] - largest);
      const float4 part =
          reinterpret_cast<const float4*>(partial + (row * splits + s) * width)[vector];
      sum.x += weight * part.x;
      sum.y += weight * part.y;
      sum.z += weight * part.z;
      sum.w += weight * part.w;
    }
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (group != 0) return;
  for (int other = 1; other < groups; ++other) {
    const float4 part = sums[other * vectors + vector];
    sum.x += part.x;
    sum.y += part.y;
    sum.z += part.z;
    sum.w += part.w;
  }
  __nv_bfloat162* target = reinterpret_cast<__nv_bfloat162*>(out + row * width) + 2 * vector;
  target[0] = __floats2bfloat162_rn(sum.x / total, sum.y / total);
  target[1] = __floats2bfloat162_rn(sum.z / total, sum.w / total);
}

}  // namespace moesim::kernels
