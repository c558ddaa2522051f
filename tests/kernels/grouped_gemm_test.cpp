#include "kernels/grouped_gemm.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "tests/kernels/fake_device.hpp"

namespace moesim::kernels {
namespace {

/// Answers with the reference, spoilt in a way the test chooses.
class FakeGrouped final : public Fake<GroupedDevice> {
 public:
  enum class Fault { kNone, kLosesARow, kMixesExperts, kOneElement, kNotANumber };
  explicit FakeGrouped(Fault fault = Fault::kNone) : fault_(fault) {}
  std::vector<std::string> libraries(const std::string& dtype) const override {
    if (dtype == "bf16") return {"own", "cublas"};
    return {};
  }
  std::string library(const GroupedPoint& point) const override { return point.library; }
  void prepare(const GroupedPoint&, std::uint64_t seed) override { seed_ = seed; }
  std::vector<float> result(const GroupedPoint& point) override {
    const auto exact = grouped_reference(*this, point, seed_);
    std::vector<float> y(exact.begin(), exact.end());
    const auto width = static_cast<std::ptrdiff_t>(point.output_width());
    if (fault_ == Fault::kLosesARow) std::fill(y.end() - width, y.end(), 0.0F);
    if (fault_ == Fault::kMixesExperts)
      std::swap_ranges(y.begin(), y.begin() + width, y.end() - width);
    if (fault_ == Fault::kOneElement) y[y.size() - 5] *= -1;
    if (fault_ == Fault::kNotANumber) y[3] = std::nanf("");
    return y;
  }
  Sampler sampler(const GroupedPoint&) override { return microsecond(); }

 private:
  Fault fault_;
  std::uint64_t seed_ = 0;
};

TEST(GroupedCheck, FindsEveryFault) {
  using Fault = FakeGrouped::Fault;
  FakeGrouped correct;
  EXPECT_NO_THROW(check_grouped(correct, "own", "bf16", "down", 1));
  for (const Fault fault :
       {Fault::kLosesARow, Fault::kMixesExperts, Fault::kOneElement, Fault::kNotANumber}) {
    FakeGrouped device(fault);
    EXPECT_THROW(check_grouped(device, "own", "bf16", "down", 1), std::runtime_error)
        << static_cast<int>(fault);
  }
}

TEST(GroupedReference, IsTheGatedExpertWrittenOut) {
  const FakeGrouped device;
  const GroupedPoint point{"own", "bf16", "both", 2, 1, {0, 1}, "check"};
  // One row (a, b); gate (w0, w1), up (w2, w3), down (w4; w5) of slot 0.
  const auto w = [](std::size_t i) { return static_cast<double>(weight_value(i, 9)); };
  const auto a = static_cast<double>(input_value(0, 9)), b = static_cast<double>(input_value(1, 9));
  const double gate = w(0) * a + w(1) * b, up = w(2) * a + w(3) * b;
  const double mid = gate / (1 + std::exp(-gate)) * up;
  const auto y = grouped_reference(device, point, 9);
  ASSERT_EQ(y.size(), 2U);
  EXPECT_NEAR(y[0], w(4) * mid, 1e-8);
  EXPECT_NEAR(y[1], w(5) * mid, 1e-8);
}

TEST(GroupedPlan, HasEveryKeyOnceForEachLibraryAndDropsWhatIsTooLarge) {
  const FakeGrouped device;
  std::set<std::vector<std::string>> keys;
  std::set<std::string> distributions;
  for (const GroupedPoint& point : plan_grouped(device, {})) {
    auto key = point.key_cells();
    key.push_back(point.library);
    EXPECT_TRUE(keys.insert(key).second) << point.distribution << ' ' << point.rows();
    distributions.insert(point.distribution);
    EXPECT_LE(active_experts(point.counts) * point.shape().expert_elements() * 2,
              std::size_t{12000000000});
  }
  EXPECT_EQ(distributions, (std::set<std::string>{"uniform", "idle", "one_hot", "sigma_0",
                                                  "sigma_0.7", "sigma_1.0", "sigma_2.0"}));
  FakeGrouped small;
  small.memory_bytes_ = std::size_t{4} << 30;
  EXPECT_LT(plan_grouped(small, {}).size(), keys.size());
}

TEST(GroupedPlan, OnACpuHasOneExpertOfEveryLayerShape) {
  FakeGrouped device;
  device.kind_ = DeviceKind::kCpu;
  std::set<std::pair<std::size_t, std::size_t>> widths;
  for (const GroupedPoint& point : plan_grouped(device, {})) {
    EXPECT_EQ(point.counts.size(), 1U);
    EXPECT_EQ(point.stage, "both");
    widths.emplace(point.hidden, point.intermediate);
  }
  EXPECT_EQ(widths,
            (std::set<std::pair<std::size_t, std::size_t>>{{256, 512}, {384, 768}, {512, 256}}));
}

TEST(SampledCounts, AddUpAndGrowUnevenWithSigma) {
  const auto largest_of = [](double sigma) {
    const auto counts = sampled_counts(512, 8, 128, sigma, 4);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0), 512 * 8);
    const int most = *std::max_element(counts.begin(), counts.end());
    EXPECT_LE(most, 512);  // a token chooses an expert once
    return most;
  };
  const int even = largest_of(0), uneven = largest_of(0.7), wild = largest_of(2.0);
  EXPECT_LT(even, 2 * 32);
  EXPECT_LT(even, uneven);
  EXPECT_LT(uneven, wild);
}

TEST(ExpertSlots, AreNeverSharedByTwoExpertsOrSets) {
  const std::vector<int> counts = {3, 0, 1, 0, 7};
  std::set<std::size_t> used;
  for (std::size_t set = 0; set < 4; ++set) {
    const auto slots = expert_slots(counts, set);
    for (std::size_t e = 0; e < counts.size(); ++e) {
      if (counts[e] > 0) {
        EXPECT_TRUE(used.insert(slots[e]).second);
      }
    }
  }
  EXPECT_EQ(used.size(), 12U);
  EXPECT_EQ(*used.rbegin(), 11U);
}

TEST(GroupedRun, SaysWhenNothingFits) {
  FakeGrouped device;
  Options options;
  options.max_mib = 1;
  std::ostringstream out;
  EXPECT_THROW(run_grouped_gemm(device, options, out), std::runtime_error);
}

}  // namespace
}  // namespace moesim::kernels
