// The softmax of the attention kernels works in base 2, on scores that were scaled by log2 e, and
// on accumulator fragments of m16n8k16 (mma.cuh), in which four neighbouring lanes share a row.
#pragma once

#include <cuda_runtime.h>

namespace moesim::kernels {

constexpr float kLog2E = 1.4426950408889634F;

/// Over the four lanes that share a row.
inline __device__ float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xffffffffU, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xffffffffU, x, 2));
}

inline __device__ float row_sum(float x) {
  x += __shfl_xor_sync(0xffffffffU, x, 1);
  return x + __shfl_xor_sync(0xffffffffU, x, 2);
}

}  // namespace moesim::kernels
