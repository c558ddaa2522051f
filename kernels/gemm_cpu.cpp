// gemm on one CPU thread, written with Eigen. How it is timed: cpu_device.hpp.

#include <Eigen/Core>

#include "kernels/cpu_device.hpp"
#include "kernels/gemm.hpp"
#include "kernels/moe_cpu.hpp"

namespace moesim::kernels {
namespace {

class GemmCpu final : public OnCpu<GemmDevice> {
 public:
  std::vector<std::string> dtypes() const override { return {"fp32"}; }
  bool supports(const GemmPoint&) override { return true; }
  std::string library(const GemmPoint&) const override { return eigen_library(); }

  void prepare(const GemmPoint& point, std::uint64_t seed) override {
    sets_ = sets_to_rotate(cold_bytes(), point.n * point.k * sizeof(float));
    weights_ = pool_.reserve(sets_ * point.n * point.k, seed);
    x_.resize(point.m * point.k);
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = input_value(i, seed);
    d_.assign(point.m * point.n, 0);
  }

  std::vector<float> result(const GemmPoint& point) override {
    run(point, 0);
    return d_;
  }

  Sampler sampler(const GemmPoint& point) override {
    return cpu_sampler(sets_, [this, point](std::size_t set) { run(point, set); });
  }

 private:
  void run(const GemmPoint& point, std::size_t set) {
    const Eigen::Index m = as_index(point.m), n = as_index(point.n), k = as_index(point.k);
    CpuColumns(d_.data(), n, m).noalias() =
        CpuWeights(weights_ + set * point.n * point.k, n, k) * CpuInput(x_.data(), k, m);
  }

  CpuExpertPool pool_;
  const float* weights_ = nullptr;
  std::size_t sets_ = 1;
  std::vector<float> x_, d_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<GemmCpu>(argc, argv, run_gemm, prepare_cpu);
}
