// One dense matrix product on cuBLASLt, D[m][n] = sum over k of A[m][k] * W[n][k], as an inference
// engine stores activations and weights: both row-major, k contiguous. bf16 or fp8 (e4m3) inputs,
// fp32 accumulation, bf16 output. The heuristic's first choice. All memory, the workspace too, is
// taken at construction, so that run() is nothing but the launch. For programs that need a typical
// product as a load or as a victim; how fast products of many shapes are is another operation.
#pragma once

#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/gemm_values.hpp"
#include "kernels/gpu.cuh"

namespace moesim::kernels {

inline void check(cublasStatus_t status, const std::string& what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error(what + ": " + cublasLtGetStatusName(status));
}

inline std::string cublaslt_version() {
  const std::size_t version = cublasLtGetVersion();  // 130100 is 13.1.0
  return "cuBLASLt " + std::to_string(version / 10000) + "." +
         std::to_string(version % 10000 / 100) + "." + std::to_string(version % 100);
}

static __global__ void fill_bf16_kernel(__nv_bfloat16* out, std::size_t size, std::uint64_t seed) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += stride)
    out[i] = __float2bfloat16(gemm_value(i, seed, kBf16Steps));
}

static __global__ void fill_fp8_kernel(__nv_fp8_e4m3* out, std::size_t size, std::uint64_t seed) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += stride)
    out[i] = __nv_fp8_e4m3(gemm_value(i, seed, kFp8Steps));
}

class DenseGemm {
 public:
  /// `sms`: how many multiprocessors the kernel should count on; 0: all.
  DenseGemm(const Gpu& gpu, bool fp8, const GemmShape& shape, int sms = 0)
      : gpu_(gpu), fp8_(fp8), shape_(shape) {
    check(cublasLtCreate(&handle_.lt), "cannot start cuBLASLt");
    a_ = filled(shape.m * shape.k, kGemmSeedA);
    w_ = filled(shape.n * shape.k, kGemmSeedW);
    d_ = allocate<__nv_bfloat16>(shape.m * shape.n);
    workspace_ = allocate<std::uint8_t>(kWorkspaceBytes);
    describe(sms);
    choose();
    check(cudaStreamSynchronize(gpu_.stream()), "filling the matrices failed");
  }
  DenseGemm(const DenseGemm&) = delete;
  DenseGemm& operator=(const DenseGemm&) = delete;

  const GemmShape& shape() const { return shape_; }

  void run(cudaStream_t stream) {
    const float one = 1, zero = 0;
    // Column-major, as cuBLAS sees it: D^T[n][m] = W[n][k] * A[m][k]^T.
    check(cublasLtMatmul(handle_.lt, handle_.product, &one, w_.get(), handle_.w, a_.get(),
                         handle_.a, &zero, d_.get(), handle_.d, d_.get(), handle_.d, &algorithm_,
                         workspace_.get(), kWorkspaceBytes, stream),
          "cannot launch the matrix product");
  }

  /// Runs once and compares a sample of the results with a float64 sum; throws when one is wrong.
  void check_result(const std::string& op) {
    check(
        cudaMemsetAsync(d_.get(), 0xff, shape_.m * shape_.n * sizeof(__nv_bfloat16), gpu_.stream()),
        "cannot clear the result");
    run(gpu_.stream());
    check(cudaStreamSynchronize(gpu_.stream()), "a matrix product failed");
    std::vector<__nv_bfloat16> result(shape_.m * shape_.n);
    check(cudaMemcpy(result.data(), d_.get(), result.size() * sizeof(__nv_bfloat16),
                     cudaMemcpyDeviceToHost),
          "cannot fetch the result");
    check_product(op, shape_, fp8_ ? kFp8Steps : kBf16Steps,
                  [&](std::size_t row, std::size_t column) {
                    return static_cast<double>(__bfloat162float(result[row * shape_.n + column]));
                  });
  }

 private:
  static constexpr std::size_t kWorkspaceBytes = std::size_t{64} << 20;

  /// What cuBLASLt hands out, given back together.
  struct Handles {
    cublasLtHandle_t lt = nullptr;
    cublasLtMatmulDesc_t product = nullptr;
    cublasLtMatrixLayout_t a = nullptr, w = nullptr, d = nullptr;
    cublasLtMatmulPreference_t preference = nullptr;
    ~Handles() {
      if (preference != nullptr) cublasLtMatmulPreferenceDestroy(preference);
      for (cublasLtMatrixLayout_t layout : {a, w, d})
        if (layout != nullptr) cublasLtMatrixLayoutDestroy(layout);
      if (product != nullptr) cublasLtMatmulDescDestroy(product);
      if (lt != nullptr) cublasLtDestroy(lt);
    }
  };

  DeviceArray<std::uint8_t> filled(std::size_t size, std::uint64_t seed) {
    auto memory = allocate<std::uint8_t>(size * (fp8_ ? 1 : 2));
    if (fp8_)
      fill_fp8_kernel<<<gpu_.blocks(fill_fp8_kernel, size), kThreads, 0, gpu_.stream()>>>(
          reinterpret_cast<__nv_fp8_e4m3*>(memory.get()), size, seed);
    else
      fill_bf16_kernel<<<gpu_.blocks(fill_bf16_kernel, size), kThreads, 0, gpu_.stream()>>>(
          reinterpret_cast<__nv_bfloat16*>(memory.get()), size, seed);
    check(cudaGetLastError(), "cannot launch");
    return memory;
  }

  void describe(int sms) {
    const cudaDataType_t type = fp8_ ? CUDA_R_8F_E4M3 : CUDA_R_16BF;
    check(cublasLtMatmulDescCreate(&handle_.product, CUBLAS_COMPUTE_32F, CUDA_R_32F),
          "cannot describe the matrix product");
    const auto set = [this](cublasLtMatmulDescAttributes_t what, const auto& value) {
      check(cublasLtMatmulDescSetAttribute(handle_.product, what, &value, sizeof value),
            "cannot describe the matrix product");
    };
    set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    set(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
    if (sms > 0) set(CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, static_cast<std::int32_t>(sms));
    const auto layout = [](cublasLtMatrixLayout_t& out, cudaDataType_t of, std::size_t rows,
                           std::size_t columns) {
      check(cublasLtMatrixLayoutCreate(&out, of, rows, columns, static_cast<std::int64_t>(rows)),
            "cannot describe a matrix");
    };
    layout(handle_.w, type, shape_.k, shape_.n);
    layout(handle_.a, type, shape_.k, shape_.m);
    layout(handle_.d, CUDA_R_16BF, shape_.n, shape_.m);
  }

  void choose() {
    check(cublasLtMatmulPreferenceCreate(&handle_.preference), "cannot state a preference");
    const std::size_t bytes = kWorkspaceBytes;
    check(cublasLtMatmulPreferenceSetAttribute(
              handle_.preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes),
          "cannot state a preference");
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    check(
        cublasLtMatmulAlgoGetHeuristic(handle_.lt, handle_.product, handle_.w, handle_.a, handle_.d,
                                       handle_.d, handle_.preference, 1, &result, &found),
        "cuBLASLt has no kernel for this product");
    if (found == 0) throw std::runtime_error("cuBLASLt has no kernel for this product");
    check(result.state, "cuBLASLt has no kernel for this product");
    algorithm_ = result.algo;
  }

  const Gpu& gpu_;
  bool fp8_;
  GemmShape shape_;
  Handles handle_;
  cublasLtMatmulAlgo_t algorithm_{};
  DeviceArray<std::uint8_t> a_, w_, workspace_;
  DeviceArray<__nv_bfloat16> d_;
};

}  // namespace moesim::kernels
