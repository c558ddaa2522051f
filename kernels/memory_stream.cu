// memory_stream on one CUDA GPU. See memory_stream.hpp for what it measures and gpu.cuh for how it
// is timed.

#include "kernels/gpu.cuh"
#include "kernels/memory_stream.hpp"

namespace moesim::kernels {
namespace {

__global__ void fill_kernel(float* pool, std::size_t size, std::uint64_t seed) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += stride)
    pool[i] = stream_value(i, seed);
}

__global__ void read_kernel(const float4* a, std::size_t size, double* sum) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  float part = 0;
#pragma unroll 4
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += stride) {
    const float4 v = a[i];
    part += (v.x + v.y) + (v.z + v.w);
  }
  for (int lanes = 16; lanes > 0; lanes /= 2) part += __shfl_down_sync(0xffffffffU, part, lanes);
  __shared__ float warps[kThreads / 32];
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = part;
  __syncthreads();
  if (threadIdx.x != 0) return;
  double block = 0;
  for (const float warp : warps) block += static_cast<double>(warp);
  atomicAdd(sum, block);
}

__global__ void write_kernel(float4* a, std::size_t size) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
#pragma unroll 4
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += stride)
    a[i] = make_float4(written_value(4 * i), written_value(4 * i + 1), written_value(4 * i + 2),
                       written_value(4 * i + 3));
}

__global__ void copy_kernel(float4* a, const float4* b, std::size_t size) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
#pragma unroll 4
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += stride)
    a[i] = b[i];
}

__global__ void triad_kernel(float4* a, const float4* b, const float4* c, float factor,
                             std::size_t size) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
#pragma unroll 4
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += stride) {
    const float4 u = b[i];
    const float4 v = c[i];
    a[i] =
        make_float4(u.x + factor * v.x, u.y + factor * v.y, u.z + factor * v.z, u.w + factor * v.w);
  }
}

class StreamGpu final : public StreamDevice {
 public:
  StreamGpu() { sum_ = allocate<double>(1); }

  std::string name() const override { return gpu_.properties().name; }
  std::string library() const override { return cuda_version(); }
  std::size_t cache_bytes() const override {
    return static_cast<std::size_t>(gpu_.properties().l2CacheSize);
  }

  std::size_t memory_bytes() const override {
    std::size_t free_bytes = 0, total_bytes = 0;
    check(cudaMemGetInfo(&free_bytes, &total_bytes), "cannot query the memory");
    return free_bytes / 10 * 9;
  }

  void fill(std::size_t pool_elements, std::uint64_t seed) override {
    pool_.reset();
    pool_ = allocate<float>(pool_elements);
    fill_kernel<<<gpu_.blocks(fill_kernel, pool_elements), kThreads, 0, gpu_.stream()>>>(
        pool_.get(), pool_elements, seed);
    check(cudaGetLastError(), "cannot launch");
    check(cudaMemsetAsync(sum_.get(), 0, sizeof(double), gpu_.stream()), "cannot clear the sum");
    check(cudaStreamSynchronize(gpu_.stream()), "filling the arrays failed");
  }

  void run(Pattern pattern, std::size_t elements, std::size_t set) override {
    const std::size_t size = elements / 4;
    float4* a = reinterpret_cast<float4*>(pool_.get()) + set * arrays_of(pattern) * size;
    switch (pattern) {
      case Pattern::kRead:
        read_kernel<<<gpu_.blocks(read_kernel, size), kThreads, 0, gpu_.stream()>>>(a, size,
                                                                                    sum_.get());
        break;
      case Pattern::kWrite:
        write_kernel<<<gpu_.blocks(write_kernel, size), kThreads, 0, gpu_.stream()>>>(a, size);
        break;
      case Pattern::kCopy:
        copy_kernel<<<gpu_.blocks(copy_kernel, size), kThreads, 0, gpu_.stream()>>>(a, a + size,
                                                                                    size);
        break;
      case Pattern::kTriad:
        triad_kernel<<<gpu_.blocks(triad_kernel, size), kThreads, 0, gpu_.stream()>>>(
            a, a + size, a + 2 * size, kTriadFactor, size);
        break;
    }
    check(cudaGetLastError(), "cannot launch");
  }

  double sum() override {
    double sum = 0;
    check(cudaStreamSynchronize(gpu_.stream()), "a pass failed");
    check(cudaMemcpy(&sum, sum_.get(), sizeof sum, cudaMemcpyDeviceToHost), "cannot fetch the sum");
    return sum;
  }

  std::vector<float> fetch(std::size_t first, std::size_t count) override {
    std::vector<float> values(count);
    check(cudaStreamSynchronize(gpu_.stream()), "a pass failed");
    check(cudaMemcpy(values.data(), pool_.get() + first, count * sizeof(float),
                     cudaMemcpyDeviceToHost),
          "cannot fetch the arrays");
    return values;
  }

  Sampler sampler(Pattern pattern, std::size_t elements, std::size_t sets) override {
    return gpu_.sampler(
        sets, [this, pattern, elements](std::size_t set) { run(pattern, elements, set); });
  }

 private:
  Gpu gpu_;  // first: where there is no device, it says so
  DeviceArray<float> pool_;
  DeviceArray<double> sum_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_main(argc, argv, [](const Options& options, std::ostream& out) {
    StreamGpu gpu;
    run_memory_stream(gpu, options, out);
  });
}
