// memory_stream on one CUDA GPU. See memory_stream.hpp for what it measures and gpu.cuh for how it
// is timed.

#include "kernels/gpu_bench.cuh"
#include "kernels/memory_stream.hpp"

namespace moesim::kernels {
namespace {

/// Every block adds to a sum of its own: one for all would make the blocks queue.
__global__ void read_kernel(const float4* a, std::size_t size, double* sums) {
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
  sums[blockIdx.x] += block;
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

class StreamGpu final : public OnGpu<StreamDevice> {
 public:
  std::string library(const StreamPoint&) const override { return cuda_version(); }

  void fill(std::size_t pool_elements, std::uint64_t seed) override {
    fill_array(gpu_, pool_.reserve(pool_elements), pool_elements, StreamValues{seed});
    check(cudaMemsetAsync(sums_.reserve(most_blocks()), 0, most_blocks() * sizeof(double),
                          gpu_.stream()),
          "cannot clear the sums");
    gpu_.synchronize();
  }

  void prepare(const StreamPoint& point, std::uint64_t seed) override {
    fill(point.rotation.sets * point.moved_bytes() / sizeof(float), seed);
    hot_ = point.rotation.hot;
  }

  void run(Pattern pattern, std::size_t elements, std::size_t set) override {
    const std::size_t size = elements / 4;
    float4* a = reinterpret_cast<float4*>(pool_.get()) + set * arrays_of(pattern) * size;
    switch (pattern) {
      case Pattern::kRead:
        read_kernel<<<gpu_.blocks(read_kernel, size), kThreads, 0, gpu_.stream()>>>(a, size,
                                                                                    sums_.get());
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
    for (const double part : fetch_array(gpu_, sums_.get(), most_blocks())) sum += part;
    return sum;
  }

  std::vector<float> fetch(std::size_t first, std::size_t count) override {
    return fetch_array(gpu_, pool_.get() + first, count);
  }

  Sampler sampler(const StreamPoint& point) override {
    return gpu_.sampler(point.rotation.sets, [this, point](std::size_t set) {
      run(point.pattern, point.elements(), set);
    });
  }

 private:
  std::size_t most_blocks() const { return gpu_.blocks(read_kernel, ~std::size_t{0} / 2); }

  GrowingArray<float> pool_;
  GrowingArray<double> sums_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<StreamGpu>(argc, argv, run_memory_stream);
}
