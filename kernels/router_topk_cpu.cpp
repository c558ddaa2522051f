// router_topk on one CPU thread, written with Eigen. How it is timed: cpu_device.hpp.

#include <Eigen/Core>
#include <memory>

#include "kernels/cpu_device.hpp"
#include "kernels/moe_cpu.hpp"
#include "kernels/router_topk.hpp"

namespace moesim::kernels {
namespace {

class RouterCpu final : public OnCpu<RouterDevice> {
 public:
  std::vector<std::string> dtypes() const override { return {"fp32"}; }
  std::string library(const RouterPoint&) const override { return eigen_library(); }

  void prepare(const RouterPoint& point, std::uint64_t seed) override {
    const std::size_t tokens = point.tokens * point.hidden;
    const std::size_t weights = point.rule.experts * point.hidden;
    // A sweep of this length leaves nothing in the second level, as a layer's experts do.
    sets_ = sets_to_rotate(8 * kMiB, (tokens + weights) * sizeof(float));
    x_.resize(sets_ * tokens);
    router_.resize(sets_ * weights);
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = input_value(i, seed);
    for (std::size_t i = 0; i < router_.size(); ++i)
      router_[i] = router_value(i, point.hidden, seed);
    bias_ = log_popularity(point.rule.experts, kRouterSkew, seed + 3);
    routing_ = std::make_unique<CpuRouting>(point.rule, point.tokens);
  }

  RouterResult result(const RouterPoint& point) override {
    run(point, 0);
    return {routing_->ids, routing_->weights};
  }

  Sampler sampler(const RouterPoint& point) override {
    return cpu_sampler(sets_, [this, point](std::size_t set) { run(point, set); });
  }

 private:
  void run(const RouterPoint& point, std::size_t set) {
    cpu_route(point.rule, point.hidden, point.tokens,
              router_.data() + set * point.rule.experts * point.hidden, bias_.data(),
              x_.data() + set * point.tokens * point.hidden, *routing_);
  }

  std::size_t sets_ = 1;
  std::vector<float> x_, router_, bias_;
  std::unique_ptr<CpuRouting> routing_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<RouterCpu>(argc, argv, run_router_topk, prepare_cpu);
}
