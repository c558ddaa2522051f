// grouped_gemm on one CPU thread, written with Eigen: the experts one after the other. How it is
// timed: cpu_device.hpp.

#include <Eigen/Core>
#include <algorithm>

#include "kernels/cpu_device.hpp"
#include "kernels/grouped_gemm.hpp"
#include "kernels/moe_cpu.hpp"

namespace moesim::kernels {
namespace {

class GroupedCpu final : public OnCpu<GroupedDevice> {
 public:
  std::vector<std::string> libraries(const std::string& dtype) const override {
    return dtype == "fp32" ? std::vector<std::string>{"Eigen"} : std::vector<std::string>{};
  }
  std::string library(const GroupedPoint&) const override { return eigen_library(); }

  void prepare(const GroupedPoint& point, std::uint64_t seed) override {
    const MoeShape shape = point.shape();
    const std::size_t active = active_experts(point.counts);
    sets_ = sets_to_rotate(cold_bytes(), active * shape.expert_elements() * sizeof(float));
    weights_ = pool_.reserve(sets_ * active * shape.expert_elements(), seed);
    // Rows rotate too: in a layer the weights of the experts before have driven them out. Set 0 is
    // the one that is checked; where all sets together would take too long to fill, fewer do.
    const std::size_t values = point.rows() * point.hidden;
    row_sets_ = std::min(sets_, 8 * kMiB / (values * sizeof(float)) + 1);
    x_.resize(row_sets_ * values);
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = input_value(i, seed);
    y_.assign(x_.size(), 0);
    scratch_ = CpuFfnScratch(point.intermediate, point.rows());
  }

  std::vector<float> result(const GroupedPoint& point) override {
    run(point, 0);
    return {y_.data(), y_.data() + point.rows() * point.hidden};
  }

  Sampler sampler(const GroupedPoint& point) override {
    return cpu_sampler(sets_, [this, point](std::size_t set) { run(point, set); });
  }

 private:
  void run(const GroupedPoint& point, std::size_t set) {
    const MoeShape shape = point.shape();
    const float* expert = weights_ + set * active_experts(point.counts) * shape.expert_elements();
    std::size_t row = set % row_sets_ * point.rows();
    for (const int count : point.counts) {
      if (count == 0) continue;
      cpu_ffn(shape, expert, x_.data() + row * point.hidden, static_cast<std::size_t>(count),
              scratch_, y_.data() + row * point.hidden);
      expert += shape.expert_elements();
      row += static_cast<std::size_t>(count);
    }
  }

  CpuExpertPool pool_;
  const float* weights_ = nullptr;
  std::size_t sets_ = 1, row_sets_ = 1;
  std::vector<float> x_, y_;
  CpuFfnScratch scratch_{0, 0};
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<GroupedCpu>(argc, argv, run_grouped_gemm, prepare_cpu);
}
