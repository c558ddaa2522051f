// permute and unpermute on one CPU thread. How it is timed: cpu_device.hpp.

#include <Eigen/Core>
#include <memory>

#include "kernels/cpu_device.hpp"
#include "kernels/moe_cpu.hpp"
#include "kernels/permute.hpp"

namespace moesim::kernels {
namespace {

class PermuteCpu final : public OnCpu<PermuteDevice> {
 public:
  std::vector<std::string> dtypes(bool) const override { return {"fp32"}; }
  std::string library(const PermutePoint&) const override { return eigen_library(); }

  void prepare(const PermutePoint& point, std::uint64_t seed) override {
    const std::size_t in = (point.back ? point.choices() : point.tokens) * point.hidden;
    const std::size_t out = (point.back ? point.tokens : point.choices()) * point.hidden;
    // A sweep of this length leaves nothing in the second level, as a layer's experts do.
    sets_ = sets_to_rotate(8 * kMiB, in * sizeof(float));
    in_.resize(sets_ * in);
    for (std::size_t i = 0; i < in_.size(); ++i) in_[i] = input_value(i, seed);
    out_.assign(out, 0);
    ids_ = permute_choices(point, seed);
    weights_.resize(ids_.size());
    for (std::size_t i = 0; i < ids_.size(); ++i) weights_[i] = choice_weight(i, seed);
    permutation_ = std::make_unique<CpuPermutation>(point.experts, point.choices());
    if (!point.back) return;
    const std::vector<float> x(point.tokens * point.hidden);
    std::vector<float> rows(in);
    cpu_permute(point.hidden, point.topk, ids_, x.data(), *permutation_, rows.data());
  }

  PermuteResult result(const PermutePoint& point) override {
    run(point, 0);
    return {permutation_->offsets, permutation_->slots, out_};
  }

  Sampler sampler(const PermutePoint& point) override {
    return cpu_sampler(sets_, [this, point](std::size_t set) { run(point, set); });
  }

 private:
  void run(const PermutePoint& point, std::size_t set) {
    const std::size_t rows = point.back ? point.choices() : point.tokens;
    const float* in = in_.data() + set * rows * point.hidden;
    if (point.back)
      cpu_unpermute(point.hidden, point.topk, weights_, *permutation_, in, out_.data());
    else
      cpu_permute(point.hidden, point.topk, ids_, in, *permutation_, out_.data());
  }

  std::size_t sets_ = 1;
  std::vector<float> in_, out_, weights_;
  std::vector<int> ids_;
  std::unique_ptr<CpuPermutation> permutation_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<PermuteCpu>(argc, argv, run_permute, prepare_cpu);
}
