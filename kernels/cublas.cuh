// cuBLAS and cublasLt as the microbenchmarks use them: on the stream of a Gpu, with a workspace of
// their own, because neither may allocate while a graph is captured. All matrices here are row by
// row, weights [n x k], so that d = x * weights^T; cuBLAS, which counts by columns, is told the
// transposed product.
#pragma once

#include <cublasLt.h>
#include <cublas_v2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/gemm_shape.hpp"
#include "kernels/gpu_memory.cuh"

namespace moesim::kernels {

inline void check(cublasStatus_t status, const std::string& what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error(what + ": " + cublasGetStatusString(status));
}

/// The version of the library that is loaded, as in "cublasLt 13.1.0".
inline std::string cublas_library(const std::string& name) {
  const std::size_t version = cublasLtGetVersion();
  return name + " " + std::to_string(version / 10000) + "." +
         std::to_string(version % 10000 / 100) + "." + std::to_string(version % 100);
}

/// NVIDIA recommends 32 MiB on Hopper (cuBLAS documentation, cublasSetWorkspace).
constexpr std::size_t kWorkspaceBytes = 32 * kMiB;

class Cublas {
 public:
  explicit Cublas(const Gpu& gpu) : workspace_(allocate<char>(kWorkspaceBytes)) {
    check(cublasCreate(&handle_), "cannot open cuBLAS");
    check(cublasSetStream(handle_, gpu.stream()), "cannot set the stream of cuBLAS");
    // After the stream, which would set the workspace back.
    check(cublasSetWorkspace(handle_, workspace_.get(), kWorkspaceBytes),
          "cannot set the workspace of cuBLAS");
  }
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;
  ~Cublas() { cublasDestroy(handle_); }

  cublasHandle_t handle() const { return handle_; }

  /// logits [tokens x experts] fp32 = x [tokens x hidden] * router [experts x hidden]^T, bf16.
  void logits(const Bf16* x, const Bf16* router, std::size_t tokens, std::size_t experts,
              std::size_t hidden, float* out) const {
    const float one = 1, zero = 0;
    const int h = static_cast<int>(hidden), e = static_cast<int>(experts);
    check(cublasGemmEx(handle_, CUBLAS_OP_T, CUBLAS_OP_N, e, static_cast<int>(tokens), h, &one,
                       router, CUDA_R_16BF, h, x, CUDA_R_16BF, h, &zero, out, CUDA_R_32F, e,
                       CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
          "cublasGemmEx");
  }

 private:
  DeviceArray<char> workspace_;
  cublasHandle_t handle_ = nullptr;
};

/// What the heuristic takes for granted unless it is told otherwise (cuBLAS documentation,
/// CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES and its like).
constexpr std::size_t kLtAlignment = 256;

class CublasLt {
 public:
  CublasLt() : workspace_(allocate<char>(kWorkspaceBytes)) {
    check(cublasLtCreate(&handle_), "cannot open cublasLt");
  }
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;
  ~CublasLt() { cublasLtDestroy(handle_); }

  cublasLtHandle_t handle() const { return handle_; }
  void* workspace() const { return workspace_.get(); }

 private:
  DeviceArray<char> workspace_;
  cublasLtHandle_t handle_ = nullptr;
};

/// What a product counts on beside its shape.
struct LtOptions {
  int algorithms = 1;  ///< how many to ask the heuristic for
  int sms = 0;         ///< multiprocessors that the kernel should count on; 0: all
  /// Of the weights and of x, for the fp8 types (fp8_scales.hpp says where each lies).
  std::vector<float> weights_scales = {1.0F}, x_scales = {1.0F};
};

/// d [m x n] bf16 = x [m x k] * weights [n x k]^T in bf16, fp8 (one scale for each tensor) or
/// fp8_block (scales for 128 x 128 weights and 1 x 128 inputs). x, weights and d begin at multiples
/// of kLtAlignment.
class LtMatmul {
 public:
  LtMatmul(const CublasLt& lt, const std::string& dtype, const GemmShape& shape,
           const LtOptions& options = {})
      : lt_(&lt) {
    const cudaDataType_t type = dtype == "bf16" ? CUDA_R_16BF : CUDA_R_8F_E4M3;
    check(cublasLtMatmulDescCreate(&matmul_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLt product");
    set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    set(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
    if (options.sms > 0)
      set(CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, static_cast<std::int32_t>(options.sms));
    if (dtype != "bf16") make_scales(dtype, options);
    layout(weights_, type, shape.k, shape.n);
    layout(x_, type, shape.k, shape.m);
    layout(d_, CUDA_R_16BF, shape.n, shape.m);
    find_algorithms(options.algorithms);
  }
  LtMatmul(const LtMatmul&) = delete;
  LtMatmul& operator=(const LtMatmul&) = delete;
  ~LtMatmul() {
    if (d_ != nullptr) cublasLtMatrixLayoutDestroy(d_);
    if (x_ != nullptr) cublasLtMatrixLayoutDestroy(x_);
    if (weights_ != nullptr) cublasLtMatrixLayoutDestroy(weights_);
    if (matmul_ != nullptr) cublasLtMatmulDescDestroy(matmul_);
  }

  /// By the library's heuristic, best first; none when the device or the library cannot do it.
  std::size_t algorithms() const { return found_.size(); }

  void run(std::size_t algorithm, const void* x, const void* weights, void* d,
           cudaStream_t stream) const {
    for (const void* matrix : {x, weights, static_cast<const void*>(d)})
      if (reinterpret_cast<std::uintptr_t>(matrix) % kLtAlignment != 0)
        throw std::logic_error("a matrix begins where cublasLt does not expect it");
    const float one = 1, zero = 0;
    check(cublasLtMatmul(lt_->handle(), matmul_, &one, weights, weights_, x, x_, &zero, d, d_, d,
                         d_, &found_.at(algorithm).algo, lt_->workspace(), kWorkspaceBytes, stream),
          "cublasLtMatmul");
  }

 private:
  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, T value) {
    check(cublasLtMatmulDescSetAttribute(matmul_, attribute, &value, sizeof value),
          "cublasLt attribute");
  }

  static void layout(cublasLtMatrixLayout_t& out, cudaDataType_t type, std::size_t rows,
                     std::size_t columns) {
    check(cublasLtMatrixLayoutCreate(&out, type, rows, columns, static_cast<std::int64_t>(rows)),
          "cublasLt layout");
  }

  void make_scales(const std::string& dtype, const LtOptions& options) {
    upload(weights_scale_.reserve(options.weights_scales.size()), options.weights_scales);
    upload(x_scale_.reserve(options.x_scales.size()), options.x_scales);
    set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, static_cast<const void*>(weights_scale_.get()));
    set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, static_cast<const void*>(x_scale_.get()));
    if (dtype == "fp8") return;
#if CUDART_VERSION >= 12090
    set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F);
    set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F);
#else
    throw std::logic_error("this cublasLt has no scales of blocks");
#endif
  }

  void find_algorithms(int wanted) {
    cublasLtMatmulPreference_t preference = nullptr;
    check(cublasLtMatmulPreferenceCreate(&preference), "cublasLt preference");
    const std::size_t bytes = kWorkspaceBytes;
    cublasStatus_t status = cublasLtMatmulPreferenceSetAttribute(
        preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes);
    found_.resize(static_cast<std::size_t>(wanted));
    int count = 0;
    if (status == CUBLAS_STATUS_SUCCESS)
      status = cublasLtMatmulAlgoGetHeuristic(lt_->handle(), matmul_, weights_, x_, d_, d_,
                                              preference, wanted, found_.data(), &count);
    cublasLtMatmulPreferenceDestroy(preference);
    found_.resize(status == CUBLAS_STATUS_SUCCESS ? static_cast<std::size_t>(count) : 0);
    found_.erase(std::remove_if(found_.begin(), found_.end(),
                                [](const cublasLtMatmulHeuristicResult_t& result) {
                                  return result.state != CUBLAS_STATUS_SUCCESS;
                                }),
                 found_.end());
    // "Not supported" and "invalid value" are the library's ways to say that it cannot; anything
    // else is a failure.
    if (status != CUBLAS_STATUS_NOT_SUPPORTED && status != CUBLAS_STATUS_INVALID_VALUE)
      check(status, "cublasLtMatmulAlgoGetHeuristic");
  }

  const CublasLt* lt_;
  GrowingArray<float> weights_scale_, x_scale_;
  cublasLtMatmulDesc_t matmul_ = nullptr;
  cublasLtMatrixLayout_t weights_ = nullptr, x_ = nullptr, d_ = nullptr;
  std::vector<cublasLtMatmulHeuristicResult_t> found_;
};

}  // namespace moesim::kernels
