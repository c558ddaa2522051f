// Arrays on the GPU: filled with the numbers of random_data.hpp, growing, sent and fetched. Number
// types are those that the dtype columns name: fp32, bf16, fp8 (e4m3). Nothing here may be called
// while a graph is captured.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/gpu.cuh"
#include "kernels/random_data.hpp"

namespace moesim::kernels {

using Bf16 = __nv_bfloat16;
using Fp8 = __nv_fp8_e4m3;

template <class T>
__host__ __device__ inline T to_stored(float value) {
  return T(value);
}
template <>
__host__ __device__ inline Bf16 to_stored<Bf16>(float value) {
  return __float2bfloat16(value);
}

/// What arrays are filled with, each a function of the index.
struct StreamValues {
  std::uint64_t seed;
  __device__ float operator()(std::size_t i) const { return stream_value(i, seed); }
};
struct SignedValues {
  std::uint64_t seed;
  float scale;
  __device__ float operator()(std::size_t i) const { return signed_value(i, seed) * scale; }
};
struct ExactValues {
  std::uint64_t seed;
  int mantissa_bits;
  __device__ float operator()(std::size_t i) const { return random_value(i, seed, mantissa_bits); }
};

template <class T, class Values>
__global__ void fill_kernel(T* out, std::size_t size, Values values) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += stride)
    out[i] = to_stored<T>(values(i));
}

/// Enqueues; passes on the same stream find the array filled.
template <class T, class Values>
void fill_array(const Gpu& gpu, T* out, std::size_t size, Values values) {
  if (size == 0) return;
  fill_kernel<T, Values>
      <<<gpu.blocks(fill_kernel<T, Values>, size), kThreads, 0, gpu.stream()>>>(out, size, values);
  check(cudaGetLastError(), "cannot launch the filling of an array");
}

/// The same for numbers of one byte (fp8) or two (bf16).
template <class Values>
void fill_numbers(const Gpu& gpu, unsigned char* out, std::size_t number_bytes, std::size_t size,
                  Values values) {
  if (number_bytes == sizeof(Bf16))
    fill_array(gpu, reinterpret_cast<Bf16*>(out), size, values);
  else
    fill_array(gpu, reinterpret_cast<Fp8*>(out), size, values);
}

/// An array that grows when more is asked for and is otherwise kept; contents are lost when it
/// grows.
template <class T>
class GrowingArray {
 public:
  T* reserve(std::size_t count) {
    if (count > size_ || data_ == nullptr) {
      data_.reset();
      size_ = 0;
      data_ = allocate<T>(count > 0 ? count : 1);
      size_ = count;
    }
    return data_.get();
  }
  T* get() const { return data_.get(); }
  std::size_t size() const { return size_; }

 private:
  DeviceArray<T> data_;
  std::size_t size_ = 0;
};

template <class T>
std::vector<T> fetch_array(const Gpu& gpu, const T* from, std::size_t count) {
  std::vector<T> values(count);
  gpu.synchronize();
  if (count > 0)
    check(cudaMemcpy(values.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost),
          "cannot fetch an array");
  return values;
}

template <class T>
std::vector<float> fetch_floats(const Gpu& gpu, const T* from, std::size_t count) {
  const std::vector<T> stored = fetch_array(gpu, from, count);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(stored[i]);
  return values;
}

template <class T>
void upload(T* to, const std::vector<T>& values) {
  if (values.empty()) return;
  check(cudaMemcpy(to, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
        "cannot upload an array");
}

/// What a rotation goes over at least.
inline std::size_t cold_bytes_of(const Gpu& gpu) {
  return 2 * static_cast<std::size_t>(gpu.properties().l2CacheSize);
}

/// Nine tenths of what is free or `held` already, for what a point needs besides its data.
inline std::size_t usable_bytes(std::size_t held) {
  std::size_t free_bytes = 0, total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "cannot query the memory");
  return (free_bytes + held) / 10 * 9;
}

}  // namespace moesim::kernels
