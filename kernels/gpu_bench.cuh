// What the CUDA programs of the MoE operations share: the answers that every one gives alike, their
// data, and reading results back. Number types are those that the dtype column names: fp32, bf16,
// fp8 (e4m3, scale 1).
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/bench_device.hpp"
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

/// out[i] = signed_value(i, seed) * scale.
template <class T>
__global__ void fill_signed_kernel(T* out, std::size_t size, std::uint64_t seed, float scale) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += stride)
    out[i] = to_stored<T>(signed_value(i, seed) * scale);
}

template <class T>
void fill_signed(const Gpu& gpu, T* out, std::size_t size, std::uint64_t seed, float scale) {
  if (size == 0) return;
  fill_signed_kernel<T><<<gpu.blocks(fill_signed_kernel<T>, size), kThreads, 0, gpu.stream()>>>(
      out, size, seed, scale);
  check(cudaGetLastError(), "cannot launch");
  gpu.synchronize();
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

/// What every program answers alike. Operation is the abstract device of one operation.
template <class Operation>
class OnGpu : public Operation {
 public:
  DeviceKind kind() const override { return DeviceKind::kCuda; }
  std::string name() const override { return gpu_.properties().name; }
  std::size_t memory_bytes() const override {
    std::size_t free_bytes = 0, total_bytes = 0;
    check(cudaMemGetInfo(&free_bytes, &total_bytes), "cannot query the memory");
    return free_bytes / 10 * 9;
  }
  std::size_t cold_bytes() const override {
    return 2 * static_cast<std::size_t>(gpu_.properties().l2CacheSize);
  }
  TimingPolicy policy(bool short_mode) const override {
    return short_mode ? short_policy() : TimingPolicy{};
  }
  float stored(const std::string& dtype, float value) const override {
    if (dtype == "bf16") return __bfloat162float(__float2bfloat16(value));
    if (dtype == "fp8") return static_cast<float>(Fp8(value));
    return value;
  }

 protected:
  int compute_capability() const { return 10 * gpu_.properties().major + gpu_.properties().minor; }

  Gpu gpu_;  // first: where there is no device, it says so
};

}  // namespace moesim::kernels
