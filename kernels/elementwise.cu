// elementwise on one CUDA GPU. See elementwise.hpp for what it measures and gpu.cuh for how it is
// timed. Every thread moves 16 bytes at a time; sums are in fp32.

#include "kernels/elementwise.hpp"
#include "kernels/gpu_bench.cuh"

namespace moesim::kernels {
namespace {

constexpr int kVector = 8;         ///< bf16 numbers in 16 bytes
constexpr int kVectorsOfNorm = 4;  ///< of a thread: rows of up to 8192 numbers

struct alignas(16) Vector {
  __nv_bfloat162 pair[kVector / 2];
};

__device__ void unpack(const __nv_bfloat16* source, float (&values)[kVector]) {
  const Vector vector = *reinterpret_cast<const Vector*>(source);
#pragma unroll
  for (int i = 0; i < kVector / 2; ++i) {
    const float2 two = __bfloat1622float2(vector.pair[i]);
    values[2 * i] = two.x;
    values[2 * i + 1] = two.y;
  }
}

__device__ void pack(__nv_bfloat16* target, const float (&values)[kVector]) {
  Vector vector;
#pragma unroll
  for (int i = 0; i < kVector / 2; ++i)
    vector.pair[i] = __floats2bfloat162_rn(values[2 * i], values[2 * i + 1]);
  *reinterpret_cast<Vector*>(target) = vector;
}

__device__ std::size_t first_item() {
  return static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ std::size_t item_stride() { return static_cast<std::size_t>(gridDim.x) * blockDim.x; }

/// silu(gate) * up for vector `i` of the output.
__device__ void gated(const __nv_bfloat16* in, std::size_t i, std::size_t width,
                      float (&values)[kVector]) {
  const std::size_t row = i * kVector / width, column = i * kVector % width;
  float up[kVector];
  unpack(in + row * 2 * width + column, values);
  unpack(in + row * 2 * width + width + column, up);
#pragma unroll
  for (int j = 0; j < kVector; ++j) values[j] = values[j] / (1.0F + __expf(-values[j])) * up[j];
}

__global__ void silu_mul_kernel(const __nv_bfloat16* in, __nv_bfloat16* out, std::size_t elements,
                                std::size_t width) {
  for (std::size_t i = first_item(); i < elements / kVector; i += item_stride()) {
    float values[kVector];
    gated(in, i, width, values);
    pack(out + i * kVector, values);
  }
}

/// Sixteen lanes share a scale: a half of a warp, which stays together because the number of
/// vectors and the stride are multiples of sixteen.
__global__ void silu_mul_quant_kernel(const __nv_bfloat16* in, __nv_fp8_e4m3* out, float* scales,
                                      std::size_t elements, std::size_t width) {
  static_assert(kQuantBlock == 16 * kVector, "a half of a warp takes one block");
  const unsigned half_warp = threadIdx.x % 32 < 16 ? 0x0000ffffU : 0xffff0000U;
  for (std::size_t i = first_item(); i < elements / kVector; i += item_stride()) {
    float values[kVector];
    gated(in, i, width, values);
    float largest = 0;
#pragma unroll
    for (int j = 0; j < kVector; ++j) largest = fmaxf(largest, fabsf(values[j]));
    for (int lanes = 8; lanes > 0; lanes /= 2)
      largest = fmaxf(largest, __shfl_xor_sync(half_warp, largest, lanes));
    const float scale = fmaxf(largest, 1e-12F) / kLargestE4m3;  // zeros stay zeros
    union {
      __nv_fp8_e4m3 numbers[kVector];
      uint2 all;
    } packed;
#pragma unroll
    for (int j = 0; j < kVector; ++j) packed.numbers[j] = __nv_fp8_e4m3(values[j] / scale);
    *reinterpret_cast<uint2*>(out + i * kVector) = packed.all;
    if (threadIdx.x % 16 == 0) scales[i * kVector / kQuantBlock] = scale;
  }
}

/// One block per token.
__global__ void rms_norm_residual_kernel(const __nv_bfloat16* x, const __nv_bfloat16* residual,
                                         const __nv_bfloat16* weights, __nv_bfloat16* normed,
                                         __nv_bfloat16* sums, int width) {
  const std::size_t row = static_cast<std::size_t>(blockIdx.x) * width;
  float values[kVectorsOfNorm][kVector];
  float squares = 0;
#pragma unroll
  for (int v = 0; v < kVectorsOfNorm; ++v) {
    const int column = (v * kThreads + static_cast<int>(threadIdx.x)) * kVector;
    if (column >= width) continue;
    float other[kVector];
    unpack(x + row + column, values[v]);
    unpack(residual + row + column, other);
#pragma unroll
    for (int j = 0; j < kVector; ++j) {
      values[v][j] += other[j];
      squares += values[v][j] * values[v][j];
    }
    pack(sums + row + column, values[v]);
  }
  for (int lanes = 16; lanes > 0; lanes /= 2)
    squares += __shfl_xor_sync(0xffffffffU, squares, lanes);
  __shared__ float warps[kThreads / 32];
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = squares;
  __syncthreads();
  float total = 0;
  for (const float warp : warps) total += warp;
  const float factor = rsqrtf(total / static_cast<float>(width) + kNormEpsilon);
#pragma unroll
  for (int v = 0; v < kVectorsOfNorm; ++v) {
    const int column = (v * kThreads + static_cast<int>(threadIdx.x)) * kVector;
    if (column >= width) continue;
    float weight[kVector];
    unpack(weights + column, weight);
#pragma unroll
    for (int j = 0; j < kVector; ++j) values[v][j] *= factor * weight[j];
    pack(normed + row + column, values[v]);
  }
}

/// A thread takes eight numbers of the first half of a head and their partners in the second.
__global__ void rope_kernel(const __nv_bfloat16* in, const float* table, __nv_bfloat16* out,
                            std::size_t tokens, std::size_t width) {
  constexpr std::size_t half = kRopeDim / 2, vectors = half / kVector;
  for (std::size_t i = first_item(); i < tokens * width / (2 * kVector); i += item_stride()) {
    const std::size_t head = i / vectors, first = i % vectors * kVector;
    const std::size_t token = head / (width / kRopeDim), at = head * kRopeDim + first;
    const float* cosine = table + token * half + first;
    const float* sine = cosine + tokens * half;
    float low[kVector], high[kVector];
    unpack(in + at, low);
    unpack(in + at + half, high);
#pragma unroll
    for (int j = 0; j < kVector; ++j) {
      const float old = low[j];
      low[j] = old * cosine[j] - high[j] * sine[j];
      high[j] = high[j] * cosine[j] + old * sine[j];
    }
    pack(out + at, low);
    pack(out + at + half, high);
  }
}

class ElementwiseGpu final : public RotatingOnGpu<ElementwiseDevice> {
 public:
  std::string dtype() const override { return "bf16"; }
  /// Compute capability 8.0 has no conversion to fp8.
  bool quantises() const override {
    return 10 * gpu_.properties().major + gpu_.properties().minor >= 89;
  }

  void fill(const ElementwiseShape& shape, std::size_t sets, std::uint64_t seed) override {
    const auto table = rope_table(shape.kernel == Elementwise::kRope ? shape.tokens : 1);
    in_.reset();
    out_.reset();
    table_.reset();
    weights_.reset();
    in_ = allocate<__nv_bfloat16>(shape.input_elements() * sets);
    out_ = allocate<unsigned char>(shape.output_stride() * sets);
    weights_ = allocate<__nv_bfloat16>(shape.width);
    table_ = allocate<float>(table.size());
    fill_array(gpu_, in_.get(), shape.input_elements() * sets,
               ExactValues{seed, shape.mantissa_bits()});
    fill_array(gpu_, weights_.get(), shape.width,
               ExactValues{weight_seed(seed), shape.mantissa_bits()});
    check(cudaMemcpyAsync(table_.get(), table.data(), table.size() * sizeof(float),
                          cudaMemcpyHostToDevice, gpu_.stream()),
          "cannot copy the table of cosines");
    // Not a number, so that an element nobody writes is found.
    check(cudaMemsetAsync(out_.get(), 0xff, shape.output_stride() * sets, gpu_.stream()),
          "cannot clear the output");
    check(cudaStreamSynchronize(gpu_.stream()), "filling the arrays failed");
  }

  void run(const ElementwiseShape& shape, std::size_t set) override {
    const std::size_t elements = shape.elements(), width = shape.width;
    const __nv_bfloat16* in = in_.get() + set * shape.input_elements();
    unsigned char* bytes = out_.get() + set * shape.output_stride();
    auto* out = reinterpret_cast<__nv_bfloat16*>(bytes);
    switch (shape.kernel) {
      case Elementwise::kSiluMul:
        silu_mul_kernel<<<gpu_.blocks(silu_mul_kernel, elements / kVector), kThreads, 0,
                          gpu_.stream()>>>(in, out, elements, width);
        break;
      case Elementwise::kSiluMulQuant:
        silu_mul_quant_kernel<<<gpu_.blocks(silu_mul_quant_kernel, elements / kVector), kThreads, 0,
                                gpu_.stream()>>>(in, reinterpret_cast<__nv_fp8_e4m3*>(bytes),
                                                 reinterpret_cast<float*>(bytes + elements),
                                                 elements, width);
        break;
      case Elementwise::kRmsNormResidual:
        if (width > kVectorsOfNorm * kThreads * kVector)
          throw std::logic_error("no kernel for rows of this width");
        rms_norm_residual_kernel<<<static_cast<unsigned>(shape.tokens), kThreads, 0,
                                   gpu_.stream()>>>(in, in + elements, weights_.get(), out,
                                                    out + elements, static_cast<int>(width));
        break;
      case Elementwise::kRope:
        rope_kernel<<<gpu_.blocks(rope_kernel, elements / (2 * kVector)), kThreads, 0,
                      gpu_.stream()>>>(in, table_.get(), out, shape.tokens, width);
        break;
    }
    check(cudaGetLastError(), "cannot launch");
  }

  std::vector<float> output(const ElementwiseShape& shape, std::size_t set) override {
    const unsigned char* bytes = out_.get() + set * shape.output_stride();
    if (shape.kernel != Elementwise::kSiluMulQuant)
      return fetch_floats(gpu_, reinterpret_cast<const __nv_bfloat16*>(bytes),
                          shape.output_bytes() / sizeof(__nv_bfloat16));
    std::vector<__nv_fp8_e4m3> numbers(shape.elements());
    std::vector<float> scales(shape.elements() / kQuantBlock), floats;
    check(cudaStreamSynchronize(gpu_.stream()), "a pass failed");
    check(cudaMemcpy(numbers.data(), bytes, numbers.size(), cudaMemcpyDeviceToHost),
          "cannot fetch the output");
    check(cudaMemcpy(scales.data(), bytes + numbers.size(), scales.size() * sizeof(float),
                     cudaMemcpyDeviceToHost),
          "cannot fetch the scales");
    for (std::size_t i = 0; i < numbers.size(); ++i)
      floats.push_back(static_cast<float>(numbers[i]) * scales[i / kQuantBlock]);
    return floats;
  }

  Sampler sampler(const ElementwiseShape& shape, std::size_t sets) override {
    return gpu_.sampler(sets, [this, shape](std::size_t set) { run(shape, set); });
  }

 private:
  DeviceArray<__nv_bfloat16> in_, weights_;
  DeviceArray<unsigned char> out_;
  DeviceArray<float> table_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<ElementwiseGpu>(argc, argv, run_elementwise);
}
