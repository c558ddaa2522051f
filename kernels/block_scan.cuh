// Running sums over the threads of one block, for the two places in an MoE layer that turn counts
// of experts into positions. Every thread of the block calls.
#pragma once

#include <cuda_runtime.h>

namespace moesim::kernels {

/// `value` of this thread and of those before it. `shared` has room for one number a thread.
inline __device__ int block_scan(int* shared, int value) {
  const int thread = static_cast<int>(threadIdx.x);
  shared[thread] = value;
  __syncthreads();
  for (int step = 1; step < static_cast<int>(blockDim.x); step *= 2) {
    const int left = thread >= step ? shared[thread - step] : 0;
    __syncthreads();
    shared[thread] += left;
    __syncthreads();
  }
  return shared[thread];
}

}  // namespace moesim::kernels
