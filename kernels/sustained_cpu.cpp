// sustained on one CPU thread: Eigen's matrix product in fp32. The thread's CPU time leaves out
// what other programs take; a lower clock while they run is seen.

#include <Eigen/Dense>

#include "kernels/cpu_device.hpp"
#include "kernels/gemm_shape.hpp"
#include "kernels/sustained.hpp"

namespace moesim::kernels {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

class SustainedCpu final : public SustainedDevice {
 public:
  std::string name() const override { return cpu_name(); }
  std::string library() const override { return eigen_library(); }
  SustainedPlan plan(bool short_mode) const override {
    return short_mode ? SustainedPlan{0.050, 0.2, 2} : SustainedPlan{0.050, 1, 3};
  }
  std::vector<std::string> dtypes() const override { return {"fp32"}; }
  double flop() const override { return flop_of(kShape); }
  bool hot() const override { return true; }
  std::string timer() const override { return "thread_cpu"; }
  std::size_t products_per_batch() const override { return 1; }
  Sensors sensors() override { return {}; }

  void prepare(const std::string&) override {
    a_ = filled(kShape.m, kGemmSeedA);
    w_ = filled(kShape.n, kGemmSeedW);
    batch();
    check_product("sustained", kShape, kMantissaBitsBf16,
                  [this](std::size_t row, std::size_t column) {
                    return static_cast<double>(
                        d_(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(column)));
                  });
  }

  double batch() override {
    const double start = thread_seconds();
    d_.noalias() = a_ * w_.transpose();
    return thread_seconds() - start;
  }

 private:
  static constexpr GemmShape kShape{512, 512, 1024};  // a few milliseconds

  static Matrix filled(std::size_t rows, std::uint64_t seed) {
    Matrix matrix(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(kShape.k));
    for (std::size_t i = 0; i < rows * kShape.k; ++i)
      matrix.data()[i] = random_value(i, seed, kMantissaBitsBf16);
    return matrix;
  }

  Matrix a_, w_, d_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<SustainedCpu>(argc, argv, run_sustained, prepare_cpu);
}
