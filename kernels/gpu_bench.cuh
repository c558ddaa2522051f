// What every CUDA program answers alike about its device, and the GPU itself. An operation adds how
// a point is prepared, run and read back.
#pragma once

#include <string>

#include "kernels/bench_device.hpp"
#include "kernels/gpu_memory.cuh"
#include "kernels/rotation.hpp"

namespace moesim::kernels {

/// Operation is the abstract device of one operation.
template <class Operation>
class OnGpu : public Operation {
 public:
  DeviceKind kind() const override { return DeviceKind::kCuda; }
  std::string name() const override { return gpu_.properties().name; }
  std::size_t memory_bytes() const override { return usable_bytes(0); }
  std::size_t cold_bytes() const override { return cold_bytes_of(gpu_); }
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

/// The same for operations whose points bring their own buffers.
template <class Operation>
class RotatingOnGpu : public Operation {
 public:
  std::string name() const override { return gpu_.properties().name; }
  std::string library() const override { return cuda_version(); }
  std::size_t cache_bytes() const override { return cold_bytes_of(gpu_) / 2; }
  std::size_t memory_bytes() const override { return usable_bytes(0); }

 protected:
  Gpu gpu_;  // first: where there is no device, it says so
};

}  // namespace moesim::kernels
