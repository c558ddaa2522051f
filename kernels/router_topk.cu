// router_topk on one CUDA GPU: a product through cuBLAS (bf16 in, fp32 out), then one warp for each
// token. See router_topk.hpp for what it measures and gpu.cuh for how it is timed.

#include "kernels/cublas.cuh"
#include "kernels/gpu_bench.cuh"
#include "kernels/moe_gpu.cuh"
#include "kernels/router_topk.hpp"

namespace moesim::kernels {
namespace {

class RouterGpu final : public OnGpu<RouterDevice> {
 public:
  std::vector<std::string> dtypes() const override { return {"bf16"}; }
  std::string library(const RouterPoint&) const override {
    return cuda_version() + " and " + cublas_library("cublas");
  }

  void prepare(const RouterPoint& point, std::uint64_t seed) override {
    const std::size_t weights = point.rule.experts * point.hidden;
    // Weights rotate; tokens were just written by the kernel before, so they stay the same. A
    // router of few experts would need more sets than a graph should have nodes.
    sets_ = std::min(sets_to_rotate(cold_bytes(), weights * sizeof(Bf16)), std::size_t{256});
    fill_array(gpu_, x_.reserve(point.tokens * point.hidden), point.tokens * point.hidden,
               SignedValues{seed, 1});
    fill_array(gpu_, router_.reserve(sets_ * weights), sets_ * weights,
               SignedValues{seed + 2, router_weight_scale(point.hidden)});
    const auto bias = log_popularity(point.rule.experts, kRouterSkew, seed + 3);
    upload(bias_.reserve(bias.size()), bias);
    logits_.reserve(point.tokens * point.rule.experts);
    ids_.reserve(point.tokens * point.rule.topk);
    weights_.reserve(point.tokens * point.rule.topk);
  }

  RouterResult result(const RouterPoint& point) override {
    pass(point, 0);
    const std::size_t choices = point.tokens * point.rule.topk;
    return {fetch_array(gpu_, ids_.get(), choices), fetch_array(gpu_, weights_.get(), choices)};
  }

  Sampler sampler(const RouterPoint& point) override {
    return gpu_.sampler(sets_, [this, point](std::size_t set) { pass(point, set); });
  }

 private:
  void pass(const RouterPoint& point, std::size_t set) {
    cublas_.logits(x_.get(), router_.get() + set * point.rule.experts * point.hidden, point.tokens,
                   point.rule.experts, point.hidden, logits_.get());
    launch_topk(gpu_, point.rule, point.tokens, logits_.get(), bias_.get(), ids_.get(),
                weights_.get());
  }

  Cublas cublas_{gpu_};
  std::size_t sets_ = 1;
  GrowingArray<Bf16> x_, router_;
  GrowingArray<float> bias_, logits_, weights_;
  GrowingArray<int> ids_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<RouterGpu>(argc, argv, run_router_topk);
}
