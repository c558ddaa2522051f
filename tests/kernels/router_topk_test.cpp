#include "kernels/router_topk.hpp"

#include <gtest/gtest.h>

#include <set>

#include "kernels/moe_cpu.hpp"
#include "tests/kernels/fake_device.hpp"

namespace moesim::kernels {
namespace {

/// The CPU's functions, spoilt in a way the test chooses.
class FakeRouter final : public Fake<RouterDevice> {
 public:
  enum class Fault { kNone, kNextExpert, kSameTwice, kWeights, kIgnoresTheBias };
  explicit FakeRouter(Fault fault = Fault::kNone) : fault_(fault) {}
  std::vector<std::string> dtypes() const override { return {"bf16"}; }
  std::string library(const RouterPoint&) const override { return "Eigen"; }
  void prepare(const RouterPoint&, std::uint64_t seed) override { seed_ = seed; }
  RouterResult result(const RouterPoint& point) override {
    std::vector<float> x(point.tokens * point.hidden), router(point.rule.experts * point.hidden);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = input_value(i, seed_);
    for (std::size_t i = 0; i < router.size(); ++i)
      router[i] = router_value(i, point.hidden, seed_);
    auto bias = log_popularity(point.rule.experts, kRouterSkew, seed_ + 3);
    if (fault_ == Fault::kIgnoresTheBias) std::fill(bias.begin(), bias.end(), 0.0F);
    CpuRouting routing(point.rule, point.tokens);
    cpu_route(point.rule, point.hidden, point.tokens, router.data(), bias.data(), x.data(),
              routing);
    if (fault_ == Fault::kNextExpert)
      routing.ids[0] = (routing.ids[0] + 1) % static_cast<int>(point.rule.experts);
    if (fault_ == Fault::kSameTwice) routing.ids[1] = routing.ids[0];
    if (fault_ == Fault::kWeights)
      for (float& weight : routing.weights) weight *= 1.1F;
    return {routing.ids, routing.weights};
  }
  Sampler sampler(const RouterPoint&) override { return microsecond(); }

 private:
  Fault fault_;
  std::uint64_t seed_ = 0;
};

TEST(RouterCheck, AcceptsTheCpuAndFindsEveryFault) {
  using Fault = FakeRouter::Fault;
  FakeRouter correct;
  EXPECT_NO_THROW(check_router(correct, "bf16", 1));
  for (const Fault fault :
       {Fault::kNextExpert, Fault::kSameTwice, Fault::kWeights, Fault::kIgnoresTheBias}) {
    FakeRouter device(fault);
    EXPECT_THROW(check_router(device, "bf16", 1), std::runtime_error) << static_cast<int>(fault);
  }
}

TEST(RouterReference, TakesTheLargestAndNormalisesOverThem) {
  const RoutedToken token = reference_route({4, 2, 1, 1}, {0.0, 2.0, 1.0, 1.5}, {0, 0, 1, 0});
  EXPECT_EQ(token.ids, (std::vector<int>{1, 2}));  // 2.0 and 1.0 + 1; ties to the lower index
  EXPECT_DOUBLE_EQ(token.weights[0], 0.5);
  EXPECT_DOUBLE_EQ(token.margin, 0.5);
}

TEST(RouterReference, ChoosesOnlyFromTheBestGroups) {
  // Group 0 holds the best expert, group 1 the best pair.
  const RoutedToken token = reference_route({4, 2, 2, 1}, {3.0, -3.0, 1.0, 2.0}, {0, 0, 0, 0});
  EXPECT_EQ(token.ids, (std::vector<int>{3, 2}));
  const double a = 1 / (1 + std::exp(-2.0)), b = 1 / (1 + std::exp(-1.0));
  EXPECT_DOUBLE_EQ(token.weights[0], a / (a + b));
  // The bias decides who is chosen but is no part of the weights.
  const RoutedToken biased = reference_route({4, 2, 2, 1}, {3.0, -3.0, 1.0, 2.0}, {0, 1, 0, 0});
  EXPECT_EQ(biased.ids, (std::vector<int>{1, 0}));
  EXPECT_LT(biased.weights[0], 0.1);
}

TEST(RouterPlan, HasEveryKeyOnceAndTheShapesOfTheLayers) {
  for (const DeviceKind kind : {DeviceKind::kCpu, DeviceKind::kCuda}) {
    FakeRouter device;
    device.kind_ = kind;
    std::set<std::vector<std::string>> keys;
    std::set<std::vector<std::size_t>> shapes;
    for (const RouterPoint& point : plan_router(device, {})) {
      EXPECT_TRUE(keys.insert(point.key_cells()).second);
      shapes.insert({point.hidden, point.rule.experts, point.rule.topk});
    }
    for (const MoeShape& shape : kind == DeviceKind::kCpu ? cpu_layer_shapes() : gpu_layer_shapes())
      EXPECT_TRUE(shapes.count({shape.hidden, shape.experts, shape.topk})) << shape.hidden;
  }
}

}  // namespace
}  // namespace moesim::kernels
