// moe_layer on one CPU thread, of the same pieces that router_topk_cpu, permute_cpu and
// grouped_gemm_cpu measure (moe_cpu.hpp). How it is timed: cpu_device.hpp.

#include <Eigen/Core>
#include <memory>

#include "kernels/cpu_device.hpp"
#include "kernels/moe_cpu.hpp"
#include "kernels/moe_layer.hpp"

namespace moesim::kernels {
namespace {

class LayerCpu final : public OnCpu<LayerDevice> {
 public:
  std::string dtype() const override { return "fp32"; }
  std::string library(const LayerPoint&) const override { return eigen_library(); }

  void prepare(LayerPoint& point, std::uint64_t seed) override {
    const MoeShape& shape = point.shape;
    const std::size_t choices = point.tokens * shape.topk;
    x_.resize(point.tokens * shape.hidden);
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = input_value(i, seed);
    router_.resize(shape.experts * shape.hidden);
    for (std::size_t i = 0; i < router_.size(); ++i)
      router_[i] = router_value(i, shape.hidden, seed);
    bias_ = log_popularity(shape.experts, point.skew, seed + 3);
    y_.assign(x_.size(), 0);
    rows_.assign(choices * shape.hidden, 0);
    out_.assign(rows_.size(), 0);
    routing_ = std::make_unique<CpuRouting>(point.rule(), point.tokens);
    permutation_ = std::make_unique<CpuPermutation>(shape.experts, choices);
    scratch_ = CpuFfnScratch(shape.intermediate, choices);
    route(point);
    point.counts.assign(shape.experts, 0);
    for (const int id : routing_->ids) ++point.counts[static_cast<std::size_t>(id)];
    const std::size_t used = active_experts(point.counts) * shape.expert_elements();
    sets_ = sets_to_rotate(cold_bytes(), used * sizeof(float));
    weights_ = pool_.reserve(sets_ * used, seed);
    slots_.clear();
    for (std::size_t set = 0; set < sets_; ++set) slots_.push_back(expert_slots(point.counts, set));
  }

  std::vector<float> result(const LayerPoint& point) override {
    run(point, 0);
    return y_;
  }

  Sampler sampler(const LayerPoint& point) override {
    return cpu_sampler(sets_, [this, point](std::size_t set) { run(point, set); });
  }

 private:
  void route(const LayerPoint& point) {
    cpu_route(point.rule(), point.shape.hidden, point.tokens, router_.data(), bias_.data(),
              x_.data(), *routing_);
  }

  void run(const LayerPoint& point, std::size_t set) {
    const MoeShape& shape = point.shape;
    const std::size_t h = shape.hidden;
    route(point);
    cpu_permute(h, shape.topk, routing_->ids, x_.data(), *permutation_, rows_.data());
    for (std::size_t e = 0; e < shape.experts; ++e) {
      const auto first = static_cast<std::size_t>(permutation_->offsets[e]);
      const auto end = static_cast<std::size_t>(permutation_->offsets[e + 1]);
      if (first == end) continue;
      cpu_ffn(shape, weights_ + slots_[set][e] * shape.expert_elements(), rows_.data() + first * h,
              end - first, scratch_, out_.data() + first * h);
    }
    cpu_unpermute(h, shape.topk, routing_->weights, *permutation_, out_.data(), y_.data());
  }

  CpuExpertPool pool_;
  const float* weights_ = nullptr;
  std::size_t sets_ = 1;
  std::vector<std::vector<std::size_t>> slots_;
  std::vector<float> x_, router_, bias_, rows_, out_, y_;
  std::unique_ptr<CpuRouting> routing_;
  std::unique_ptr<CpuPermutation> permutation_;
  CpuFfnScratch scratch_{0, 0};
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<LayerCpu>(argc, argv, run_moe_layer, prepare_cpu);
}
