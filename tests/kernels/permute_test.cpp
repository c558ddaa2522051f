#include "kernels/permute.hpp"

#include <gtest/gtest.h>

#include <set>

#include "kernels/moe_cpu.hpp"
#include "tests/kernels/fake_device.hpp"

namespace moesim::kernels {
namespace {

/// The CPU's functions, spoilt in a way the test chooses.
class FakePermute final : public Fake<PermuteDevice> {
 public:
  enum class Fault { kNone, kSharesASlot, kMissesARow, kCounts, kForgetsAChoice };
  explicit FakePermute(Fault fault = Fault::kNone) : fault_(fault) {}
  std::vector<std::string> dtypes(bool) const override { return {"bf16"}; }
  std::string library(const PermutePoint&) const override { return "Eigen"; }
  void prepare(const PermutePoint&, std::uint64_t seed) override { seed_ = seed; }
  PermuteResult result(const PermutePoint& point) override {
    const std::size_t h = point.hidden;
    const auto ids = permute_choices(point, seed_);
    std::vector<float> x(point.choices() * h), rows(point.choices() * h), y(point.tokens * h);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = input_value(i, seed_);
    CpuPermutation permutation(point.experts, point.choices());
    cpu_permute(h, point.topk, ids, x.data(), permutation, rows.data());
    std::vector<float> weights(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) weights[i] = choice_weight(i, seed_);
    if (fault_ == Fault::kForgetsAChoice) weights[point.topk - 1] = 0;
    cpu_unpermute(h, point.topk, weights, permutation, x.data(), y.data());
    if (fault_ == Fault::kSharesASlot) permutation.slots[0] = permutation.slots[1];
    if (fault_ == Fault::kMissesARow) std::fill(rows.end() - 256, rows.end(), 0.0F);
    if (fault_ == Fault::kCounts) ++permutation.offsets[1];
    return {permutation.offsets, permutation.slots, point.back ? y : rows};
  }
  Sampler sampler(const PermutePoint&) override { return microsecond(); }

 private:
  Fault fault_;
  std::uint64_t seed_ = 0;
};

TEST(PermuteCheck, AcceptsTheCpuAndFindsEveryFault) {
  using Fault = FakePermute::Fault;
  FakePermute correct;
  EXPECT_NO_THROW(check_permute(correct, false, "bf16", 2));
  EXPECT_NO_THROW(check_permute(correct, true, "bf16", 2));
  for (const Fault fault : {Fault::kSharesASlot, Fault::kMissesARow, Fault::kCounts}) {
    FakePermute device(fault);
    EXPECT_THROW(check_permute(device, false, "bf16", 2), std::runtime_error)
        << static_cast<int>(fault);
  }
  FakePermute forgetful(Fault::kForgetsAChoice);
  EXPECT_THROW(check_permute(forgetful, true, "bf16", 2), std::runtime_error);
}

TEST(Permute, ThenUnpermuteWithWeightsOfOneMultipliesByTopk) {
  const std::size_t tokens = 50, topk = 4, h = 8;
  const PermutePoint point{false, "fp32", tokens, topk, h, 16};
  std::vector<float> x(tokens * h), rows(tokens * topk * h), y(tokens * h);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = input_value(i, 1);
  CpuPermutation permutation(16, tokens * topk);
  cpu_permute(h, topk, permute_choices(point, 1), x.data(), permutation, rows.data());
  cpu_unpermute(h, topk, std::vector<float>(tokens * topk, 1.0F), permutation, rows.data(),
                y.data());
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_FLOAT_EQ(y[i], 4 * x[i]);
}

TEST(PermutePlan, HasEveryKeyOnceAndTheShapesOfTheLayers) {
  for (const DeviceKind kind : {DeviceKind::kCpu, DeviceKind::kCuda}) {
    FakePermute device;
    device.kind_ = kind;
    std::set<std::vector<std::string>> keys;
    std::set<std::vector<std::size_t>> shapes;
    std::size_t back = 0;
    const auto points = plan_permute(device, {});
    for (const PermutePoint& point : points) {
      EXPECT_TRUE(keys.insert(point.key_cells()).second);
      shapes.insert({point.hidden, point.experts, point.topk});
      back += point.back ? 1 : 0;
    }
    EXPECT_EQ(back, points.size() / 2);
    for (const MoeShape& shape : kind == DeviceKind::kCpu ? cpu_layer_shapes() : gpu_layer_shapes())
      EXPECT_TRUE(shapes.count({shape.hidden, shape.experts, shape.topk})) << shape.hidden;
  }
}

}  // namespace
}  // namespace moesim::kernels
