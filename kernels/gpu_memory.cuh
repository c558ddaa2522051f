// Arrays of random numbers on the GPU and how large they may be. The numbers are those of
// random_value.hpp, of so few mantissa bits that the array's type holds them exactly.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include <cstddef>
#include <cstdint>

#include "kernels/gpu.cuh"
#include "kernels/random_value.hpp"

namespace moesim::kernels {

template <class T>
__global__ void fill_random(T* array, std::size_t size, std::uint64_t seed, int mantissa_bits) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += stride)
    array[i] = static_cast<T>(random_value(i, seed, mantissa_bits));
}

template <class T>
void fill_array(const Gpu& gpu, T* array, std::size_t size, std::uint64_t seed, int mantissa_bits) {
  fill_random<T><<<gpu.blocks(fill_random<T>, size), kThreads, 0, gpu.stream()>>>(array, size, seed,
                                                                                  mantissa_bits);
  check(cudaGetLastError(), "cannot launch the filling of an array");
}

inline std::size_t l2_bytes(const Gpu& gpu) {
  return static_cast<std::size_t>(gpu.properties().l2CacheSize);
}

/// Nine tenths of what is free or `held` already, for what a point needs besides its data.
inline std::size_t usable_bytes(std::size_t held) {
  std::size_t free_bytes = 0, total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "cannot query the memory");
  return (free_bytes + held) / 10 * 9;
}

inline std::vector<float> fetch_floats(const Gpu& gpu, const __nv_bfloat16* array,
                                       std::size_t size) {
  std::vector<__nv_bfloat16> values(size);
  check(cudaStreamSynchronize(gpu.stream()), "a pass failed");
  check(cudaMemcpy(values.data(), array, size * sizeof(__nv_bfloat16), cudaMemcpyDeviceToHost),
        "cannot fetch an array");
  std::vector<float> floats;
  for (const __nv_bfloat16 value : values) floats.push_back(__bfloat162float(value));
  return floats;
}

}  // namespace moesim::kernels
