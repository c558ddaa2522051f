#include "kernels/gemm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "tests/kernels/fake_device.hpp"

namespace moesim::kernels {
namespace {

class FakeGemm final : public Fake<GemmDevice> {
 public:
  std::vector<std::string> dtypes() const override { return {"bf16", "fp8_block"}; }
  bool supports(const GemmPoint& point) override {
    return point.dtype != "fp8_block" || point.n != 2112;
  }
  std::string library(const GemmPoint&) const override { return "loops"; }
  void prepare(const GemmPoint&, std::uint64_t seed) override { seed_ = seed; }
  std::vector<float> result(const GemmPoint& point) override {
    std::vector<float> x(point.m * point.k), w(point.n * point.k), d(point.m * point.n, 0);
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = input_value(i, seed_) *
             x_scale(point.dtype, i / point.k, i % point.k / kScaleBlock, seed_);
    for (std::size_t i = 0; i < w.size(); ++i)
      w[i] = weight_value(i, seed_) * weights_scale(point.dtype, i / point.k,
                                                    forgets_a_scale ? 0 : i % point.k / kScaleBlock,
                                                    seed_);
    for (std::size_t i = 0; i < d.size(); ++i)
      for (std::size_t l = 0; l < point.k - (loses_the_tail ? 1 : 0); ++l)
        d[i] += x[i / point.n * point.k + l] * w[i % point.n * point.k + l];
    if (one_wrong) d[d.size() / 2] += 1;
    return d;
  }
  Sampler sampler(const GemmPoint&) override { return microsecond(); }

  bool one_wrong = false, loses_the_tail = false, forgets_a_scale = false;

 private:
  std::uint64_t seed_ = 0;
};

TEST(GemmCheck, AcceptsACorrectProductAndFindsWrongOnes) {
  FakeGemm device;
  EXPECT_NO_THROW(check_gemm(device, "bf16", "heuristic", 3));
  device.one_wrong = true;
  EXPECT_THROW(check_gemm(device, "bf16", "heuristic", 3), std::runtime_error);
  device.one_wrong = false;
  device.loses_the_tail = true;
  EXPECT_THROW(check_gemm(device, "bf16", "heuristic", 3), std::runtime_error);
}

TEST(GemmCheck, FindsAScaleOfTheWrongBlock) {
  FakeGemm device;
  EXPECT_TRUE(check_gemm(device, "fp8_block", "heuristic", 3));
  device.forgets_a_scale = true;
  EXPECT_THROW(check_gemm(device, "fp8_block", "heuristic", 3), std::runtime_error);
  EXPECT_EQ(checked_dtypes(device, 3), std::vector<std::string>{"bf16"});
  device.one_wrong = true;
  EXPECT_THROW(checked_dtypes(device, 3), std::runtime_error) << "bf16 must be right";
}

TEST(GemmPlan, HasEveryKeyOnceAndBothAlgorithmsOnAGpu) {
  FakeGemm device;
  std::set<std::vector<std::string>> keys;
  std::size_t best = 0;
  const auto points = plan_gemm(device, device.dtypes(), {});
  for (const GemmPoint& point : points) {
    EXPECT_TRUE(keys.insert(point.key_cells()).second);
    EXPECT_TRUE(device.supports(point));
    best += point.algo == "best_of_4" ? 1 : 0;
  }
  EXPECT_EQ(points.size(), (14U + 7) * (14 + 13));  // one width is not supported in fp8_block
  EXPECT_EQ(best, points.size() / 3) << "every other m";
}

TEST(GemmPlan, LeavesOutWhatDoesNotFit) {
  FakeGemm device;
  device.memory_bytes_ = 300 * kMiB;
  const auto points = plan_gemm(device, device.dtypes(), {});
  ASSERT_FALSE(points.empty());
  for (const GemmPoint& point : points)
    EXPECT_LT(point.n * point.k * (point.dtype == "bf16" ? 2 : 1), 200 * kMiB);
}

TEST(GemmRun, WritesARowForEveryPoint) {
  FakeGemm device;
  Options options;
  options.short_mode = true;
  std::ostringstream out;
  run_gemm(device, options, out);
  const std::string text = out.str();
  EXPECT_EQ(text.substr(0, text.find(",l2,")), "op,dtype,m,n,k,algo");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + 2 * 2);  // bf16: two m, two algorithms
}

}  // namespace
}  // namespace moesim::kernels
