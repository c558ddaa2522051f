#include "kernels/moe_layer.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "kernels/moe_cpu.hpp"
#include "tests/kernels/fake_device.hpp"

namespace moesim::kernels {
namespace {

/// A layer in plain loops, spoilt in a way the test chooses.
class FakeLayer final : public Fake<LayerDevice> {
 public:
  enum class Fault { kNone, kEqualWeights, kOneExpertForAll, kIgnoresTheSkew };
  explicit FakeLayer(Fault fault = Fault::kNone) : fault_(fault) {}
  std::string dtype() const override { return "bf16"; }
  std::string library(const LayerPoint&) const override { return "loops"; }
  void prepare(LayerPoint& point, std::uint64_t seed) override {
    seed_ = seed;
    tokens_.clear();
    const double skew = fault_ == Fault::kIgnoresTheSkew ? 0 : point.skew;
    const auto bias = log_popularity(point.shape.experts, skew, seed + 3);
    point.counts.assign(point.shape.experts, 0);
    for (std::size_t t = 0; t < point.tokens; ++t) {
      tokens_.push_back(
          reference_token(*this, "bf16", point.rule(), point.shape.hidden, t, bias, seed));
      for (const int id : tokens_.back().ids) ++point.counts[id];
    }
  }
  std::vector<float> result(const LayerPoint& point) override {
    const std::size_t h = point.shape.hidden;
    const auto slots = expert_slots(point.counts, 0);
    const auto same = [](float value) { return value; };
    std::vector<float> y(point.tokens * h, 0);
    std::vector<double> x(h);
    for (std::size_t t = 0; t < point.tokens; ++t)
      for (std::size_t k = 0; k < point.shape.topk; ++k) {
        for (std::size_t i = 0; i < h; ++i)
          x[i] = static_cast<double>(input_value(t * h + i, seed_));
        const int id = tokens_[t].ids[fault_ == Fault::kOneExpertForAll ? 0 : k];
        const std::size_t first = slots[id] * point.shape.expert_elements();
        const auto out = reference_ffn(
            point.shape, [&](std::size_t i) { return weight_value(first + i, seed_); }, x, same,
            same);
        const double weight = fault_ == Fault::kEqualWeights ? 0.5 : tokens_[t].weights[k];
        for (std::size_t i = 0; i < h; ++i) y[t * h + i] += static_cast<float>(weight * out[i]);
      }
    return y;
  }
  Sampler sampler(const LayerPoint&) override { return microsecond(); }

 private:
  Fault fault_;
  std::uint64_t seed_ = 0;
  std::vector<RoutedToken> tokens_;
};

TEST(LayerCheck, AcceptsACorrectLayerAndFindsEveryFault) {
  using Fault = FakeLayer::Fault;
  FakeLayer correct;
  EXPECT_NO_THROW(check_layer(correct, 1));
  for (const Fault fault :
       {Fault::kEqualWeights, Fault::kOneExpertForAll, Fault::kIgnoresTheSkew}) {
    FakeLayer device(fault);
    EXPECT_THROW(check_layer(device, 1), std::runtime_error) << static_cast<int>(fault);
  }
}

TEST(LayerPlan, IsThreeShapesThreeSkewsElevenTokenCountsOnACpu) {
  FakeLayer device;
  EXPECT_EQ(plan_layers(device, {}).size(), 2U * 3 * 10);
  device.kind_ = DeviceKind::kCpu;
  std::set<std::vector<std::string>> keys;
  for (const LayerPoint& point : plan_layers(device, {})) keys.insert(point.key_cells());
  EXPECT_EQ(keys.size(), 3U * 3 * 11);
}

TEST(LayerRun, WritesTheRowsOfEveryExpert) {
  FakeLayer device;
  device.kind_ = DeviceKind::kCpu;
  Options options;
  options.short_mode = true;
  std::ostringstream out;
  run_moe_layer(device, options, out);
  std::istringstream lines(out.str());
  std::string line;
  std::getline(lines, line);
  std::size_t rows = 0;
  for (; std::getline(lines, line); ++rows) {
    std::istringstream cells(line);
    std::vector<std::string> row;
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
    std::istringstream counts(row.at(8));
    int sum = 0;
    for (int count = 0; counts >> count;) sum += count;
    EXPECT_EQ(sum, 2 * std::stoi(row.at(6))) << line;
  }
  EXPECT_EQ(rows, 3U);
}

TEST(CpuExpert, DoesWhatTheReferenceDoes) {
  const MoeShape shape{24, 40, 1, 1};
  std::vector<float> weights(shape.expert_elements()), x(7 * 24), y(7 * 24);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = weight_value(i, 5);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = input_value(i, 5);
  CpuFfnScratch scratch(shape.intermediate, 7);
  cpu_ffn(shape, weights.data(), x.data(), 7, scratch, y.data());
  const auto same = [](float value) { return value; };
  std::vector<double> expected;
  for (std::size_t r = 0; r < 7; ++r) {
    const std::vector<double> row(x.begin() + static_cast<std::ptrdiff_t>(24 * r),
                                  x.begin() + static_cast<std::ptrdiff_t>(24 * (r + 1)));
    const auto out = reference_ffn(
        shape, [&](std::size_t i) { return weights[i]; }, row, same, same);
    expected.insert(expected.end(), out.begin(), out.end());
  }
  EXPECT_NO_THROW(check_rows("cpu_ffn", y, expected, 24, 1e-5));
}

TEST(KernelPoints, AreGoneThroughInRoundsThatShareTheirSamples) {
  struct Point {
    std::vector<std::string> key_cells() const { return {"op"}; }
  };
  struct Device {
    int round = 0;
    void prepare(const Point&, std::uint64_t) { ++round; }
    bool hot() const { return false; }
    std::string library(const Point&) const { return ""; }
    std::string name() const { return ""; }
    Sampler sampler(const Point&) const {
      return {"exact", 1, [seconds = 1e-3 * round] { return seconds; }};
    }
  } device;
  TimingPolicy policy;
  policy.rounds = 3;
  policy.warmup_runs = 0;
  policy.warmup_s = 0;
  policy.samples = 3;
  policy.sampling_s = 0;
  std::ostringstream out;
  Table table(out, columns_with_values({"op"}));
  measure_points(device, std::vector<Point>(1), Options{}, policy, table);
  // Three samples each of 1, 2 and 3 ms.
  EXPECT_NE(out.str().find("op,rotate,2000,1000,1000,3000,"), std::string::npos) << out.str();
}

}  // namespace
}  // namespace moesim::kernels
