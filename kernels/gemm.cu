// gemm on one CUDA GPU through cublasLt. See gemm.hpp for what it measures and gpu.cuh for how it
// is timed.

#include <memory>

#include "kernels/cublas.cuh"
#include "kernels/gemm.hpp"
#include "kernels/gpu_bench.cuh"

namespace moesim::kernels {
namespace {

class GemmGpu final : public OnGpu<GemmDevice> {
 public:
  std::vector<std::string> dtypes() const override {
    if (compute_capability() < 89) return {"bf16"};
    if (compute_capability() != 90) return {"bf16", "fp8"};
    return {"bf16", "fp8", "fp8_block"};  // cublasLt has these block scales on Hopper alone
  }

  bool supports(const GemmPoint& point) override {
#if CUDART_VERSION < 12090
    if (point.dtype == "fp8_block") return false;
#endif
    return LtMatmul(lt_, point.dtype, {point.m, point.n, point.k}).algorithms() > 0;
  }

  std::string library(const GemmPoint&) const override { return cublas_library("cublasLt"); }

  void prepare(const GemmPoint& point, std::uint64_t seed) override {
    element_ = point.dtype == "bf16" ? sizeof(Bf16) : sizeof(Fp8);
    const std::size_t weights = point.n * point.k;
    sets_ = sets_to_rotate(this->cold_bytes(), weights * element_);
    weights_.reserve(sets_ * weights * element_);
    x_.reserve(point.m * point.k * element_);
    d_.reserve(point.m * point.n);
    fill_numbers(gpu_, weights_.get(), element_, sets_ * weights,
                 SignedValues{seed + 1, 0.0625F});  // weight_value
    fill_numbers(gpu_, x_.get(), element_, point.m * point.k,
                 SignedValues{seed, 1});  // input_value
    const LtOptions how{4, 0, weights_scales(point.dtype, point.n, point.k, seed),
                        x_scales(point.dtype, point.m, point.k, seed)};
    matmul_ =
        std::make_unique<LtMatmul>(lt_, point.dtype, GemmShape{point.m, point.n, point.k}, how);
    if (matmul_->algorithms() == 0) throw std::runtime_error("cublasLt has no algorithm any more");
    algorithm_ = point.algo == "heuristic" ? 0 : fastest(weights);
  }

  std::vector<float> result(const GemmPoint& point) override {
    pass(point.n * point.k, 0);
    return fetch_floats(gpu_, d_.get(), point.m * point.n);
  }

  Sampler sampler(const GemmPoint& point) override {
    return gpu_.sampler(
        sets_, [this, weights = point.n * point.k](std::size_t set) { pass(weights, set); });
  }

 private:
  void pass(std::size_t weights, std::size_t set) {
    matmul_->run(algorithm_, x_.get(), weights_.get() + set * weights * element_, d_.get(),
                 gpu_.stream());
  }

  /// By the median of a few samples each.
  std::size_t fastest(std::size_t weights) {
    TimingPolicy quick = short_policy();
    quick.noisy_cv = 1;
    std::size_t best = 0;
    double best_s = 0;
    for (algorithm_ = 0; algorithm_ < matmul_->algorithms(); ++algorithm_) {
      const Sampler sampler =
          gpu_.sampler(sets_, [this, weights](std::size_t set) { pass(weights, set); });
      const double median_s = measure(quick, sampler).median_s;
      if (algorithm_ > 0 && median_s >= best_s) continue;
      best = algorithm_;
      best_s = median_s;
    }
    return best;
  }

  CublasLt lt_;
  std::unique_ptr<LtMatmul> matmul_;
  std::size_t algorithm_ = 0, element_ = 2, sets_ = 1;
  GrowingArray<unsigned char> weights_, x_;
  GrowingArray<Bf16> d_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<GemmGpu>(argc, argv, run_gemm);
}
