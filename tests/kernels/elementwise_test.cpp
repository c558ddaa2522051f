#include "kernels/elementwise.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/fp8_e4m3.hpp"

namespace moesim::kernels {
namespace {

/// Computes with the reference, rounds to fp8 where it must, and goes wrong as the test chooses.
class PlainElementwise final : public ElementwiseDevice {
 public:
  enum class Fault { kNone, kWrongSet, kOneScale, kDropsALastElement, kForgetsTheWeight };
  explicit PlainElementwise(Fault fault = Fault::kNone) : fault_(fault) {}

  std::string name() const override { return "one byte a nanosecond"; }
  std::string library() const override { return "none"; }
  std::string dtype() const override { return "bf16"; }
  bool quantises() const override { return quantises_; }
  std::size_t cache_bytes() const override { return 50 * kMiB; }
  std::size_t memory_bytes() const override { return std::size_t{70} << 30; }
  void fill(const ElementwiseShape&, std::size_t, std::uint64_t seed) override { seed_ = seed; }
  void run(const ElementwiseShape&, std::size_t) override {}

  std::vector<float> output(const ElementwiseShape& shape, std::size_t set) override {
    std::vector<double> input, weights(shape.width, 1.0);
    const std::size_t first = fault_ == Fault::kWrongSet ? 0 : set * shape.input_elements();
    for (std::size_t i = 0; i < shape.input_elements(); ++i)
      input.push_back(static_cast<double>(random_value(first + i, seed_, 7)));
    if (fault_ != Fault::kForgetsTheWeight)
      for (std::size_t i = 0; i < shape.width; ++i)
        weights[i] = static_cast<double>(random_value(i, weight_seed(seed_), 7));
    std::vector<float> out;
    for (const double x : elementwise_reference(shape, input, weights))
      out.push_back(static_cast<float>(x));
    if (shape.kernel == Elementwise::kSiluMulQuant) quantise(out);
    if (fault_ == Fault::kDropsALastElement) out.back() = 0;
    return out;
  }

  Sampler sampler(const ElementwiseShape& shape, std::size_t) override {
    const std::size_t bytes = shape.moved_bytes();
    return {"exact", 1, [bytes] { return 1e-9 * static_cast<double>(bytes); }};
  }

  bool quantises_ = true;

 private:
  void quantise(std::vector<float>& values) const {
    const std::size_t block = fault_ == Fault::kOneScale ? values.size() : kQuantBlock;
    for (std::size_t i = 0; i < values.size(); i += block) {
      float largest = 0;
      for (std::size_t j = i; j < i + block; ++j) largest = std::max(largest, std::fabs(values[j]));
      const float scale = (fault_ == Fault::kOneScale ? 1000 : 1) * largest / kLargestE4m3;
      for (std::size_t j = i; j < i + block; ++j)
        values[j] = from_e4m3(to_e4m3(values[j] / scale)) * scale;
    }
  }

  Fault fault_;
  std::uint64_t seed_ = 0;
};

const std::vector<Elementwise> kAll = {Elementwise::kSiluMul, Elementwise::kSiluMulQuant,
                                       Elementwise::kRmsNormResidual, Elementwise::kRope};

TEST(ElementwiseCheck, AcceptsACorrectDevice) {
  PlainElementwise device;
  for (const Elementwise kernel : kAll)
    EXPECT_NO_THROW(check_elementwise(device, {kernel, "bf16", 7, 384}, 3)) << name_of(kernel);
}

TEST(ElementwiseCheck, FindsEveryFault) {
  using Fault = PlainElementwise::Fault;
  for (const Fault fault :
       {Fault::kWrongSet, Fault::kOneScale, Fault::kDropsALastElement, Fault::kForgetsTheWeight})
    for (const Elementwise kernel : kAll) {
      if (fault == Fault::kOneScale && kernel != Elementwise::kSiluMulQuant) continue;
      if (fault == Fault::kForgetsTheWeight && kernel != Elementwise::kRmsNormResidual) continue;
      PlainElementwise device(fault);
      EXPECT_THROW(check_elementwise(device, {kernel, "bf16", 7, 384}, 3), std::runtime_error)
          << name_of(kernel) << ", fault " << static_cast<int>(fault);
    }
}

TEST(ElementwiseReference, IsTheDefinitionOnNumbersDoneByHand) {
  const std::vector<double> ones(128, 1.0);
  std::vector<double> input(256, 3.0);  // x and residual, or gate and up
  EXPECT_NEAR(elementwise_reference({Elementwise::kSiluMul, "fp32", 1, 128}, input, ones)[5],
              3 / (1 + std::exp(-3.0)) * 3, 1e-12);
  const auto normed =
      elementwise_reference({Elementwise::kRmsNormResidual, "fp32", 1, 128}, input, ones);
  EXPECT_NEAR(normed[7], 1.0, 1e-6);
  EXPECT_EQ(normed[128 + 7], 6.0);
  // The second token of a head turns its first pair by one radian.
  const auto turned = elementwise_reference({Elementwise::kRope, "fp32", 2, 128}, input, ones);
  EXPECT_EQ(turned[0], 3.0);
  EXPECT_NEAR(turned[128], 3 * std::cos(1.0) - 3 * std::sin(1.0), 1e-12);
  EXPECT_NEAR(turned[128 + 64], 3 * std::cos(1.0) + 3 * std::sin(1.0), 1e-12);
}

TEST(ElementwiseShape, CountsEveryByteOnceAndAlignsTheSets) {
  EXPECT_EQ((ElementwiseShape{Elementwise::kSiluMul, "bf16", 2, 128}).moved_bytes(), 2 * 3 * 256U);
  EXPECT_EQ((ElementwiseShape{Elementwise::kSiluMulQuant, "bf16", 1, 128}).moved_bytes(),
            2 * 256U + 128 + 4);
  EXPECT_EQ((ElementwiseShape{Elementwise::kRmsNormResidual, "bf16", 2, 128}).moved_bytes(),
            2 * 4 * 256U + 256);
  EXPECT_EQ((ElementwiseShape{Elementwise::kRope, "bf16", 2, 256}).moved_bytes(),
            2 * 2 * 512U + 2 * 128 * 4);
  for (const Elementwise kernel : kAll) {
    const ElementwiseShape shape{kernel, "bf16", 1, 128};
    EXPECT_EQ(shape.output_stride() % 16, 0U);
    EXPECT_GE(shape.output_stride(), shape.output_bytes());
  }
}

TEST(ElementwisePlan, HasEveryPointOnceAndNoFp8WhereItIsNotConverted) {
  PlainElementwise device;
  const auto keys = [&] {
    std::set<std::string> all;
    std::size_t count = 0;
    for (const auto& [shape, rotation] : plan_elementwise(device, Options{})) {
      std::ostringstream key;
      key << name_of(shape.kernel) << ' ' << shape.tokens << ' ' << shape.width << ' '
          << rotation.hot;
      all.insert(key.str());
      ++count;
    }
    EXPECT_EQ(all.size(), count);
    return all;
  };
  const auto with = keys();
  EXPECT_TRUE(with.count("silu_mul_quant 16384 7168 0"));
  EXPECT_TRUE(with.count("rope 1 2048 1")) << "one token is measured, if only in the cache";
  device.quantises_ = false;
  for (const std::string& key : keys()) EXPECT_EQ(key.find("quant"), std::string::npos) << key;
}

TEST(ElementwiseRun, WritesTheBandwidthOfTheDevice) {
  PlainElementwise device;
  Options options;
  options.short_mode = true;
  std::ostringstream out;
  run_elementwise(device, options, out);
  std::istringstream lines(out.str());
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line.substr(0, 38), "op,kernel,dtype,tokens,width,moved_byt");
  std::size_t rows = 0, quantised = 0;
  for (; std::getline(lines, line); ++rows) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    EXPECT_NEAR(std::stod(cells.at(8)), 1e-3 * std::stod(cells.at(5)), 0.01) << line;
    quantised += cells.at(2) == "fp8" ? 1 : 0;
  }
  EXPECT_EQ(rows, 16U) << "4 kernels, 2 token counts, hot and cold";
  EXPECT_EQ(quantised, 4U);
}

TEST(Fp8, ReadsBackEveryCodeAndRoundsToTheNearestWithTiesToEven) {
  for (int code = 0; code < 256; ++code) {
    if ((code & 0x7f) == 0x7f) continue;  // not a number
    EXPECT_EQ(to_e4m3(from_e4m3(static_cast<std::uint8_t>(code))), code);
  }
  EXPECT_EQ(from_e4m3(0x7e), 448.0F);
  EXPECT_EQ(from_e4m3(0x01), 0x1p-9F);
  EXPECT_EQ(from_e4m3(0x08), 0x1p-6F);
  for (int code = 0; code < 0x7e; ++code) {
    const float low = from_e4m3(static_cast<std::uint8_t>(code));
    const float high = from_e4m3(static_cast<std::uint8_t>(code + 1));
    const float middle = 0.5F * (low + high);
    EXPECT_EQ(to_e4m3(middle), code % 2 == 0 ? code : code + 1) << middle;
    EXPECT_EQ(to_e4m3(std::nextafter(middle, 0.0F)), code);
    EXPECT_EQ(to_e4m3(std::nextafter(-middle, -1e9F)), 0x80 + code + 1);
  }
}

TEST(RandomValue, IsExactInTheTypeItIsMeantForAndFillsBothSigns) {
  std::set<float> seen;
  double sum = 0;
  for (std::size_t i = 0; i < 20000; ++i) {
    const float value = random_value(i, 3, kMantissaBitsE4m3);
    ASSERT_EQ(from_e4m3(to_e4m3(value)), value);
    const float finer = random_value(i, 3, kMantissaBitsBf16) * 256;
    ASSERT_EQ(finer, std::trunc(finer)) << "eight bits behind the point of numbers in [0.5, 2)";
    ASSERT_TRUE(std::fabs(value) >= 0.5F && std::fabs(value) < 2);
    seen.insert(value);
    sum += static_cast<double>(value);
  }
  EXPECT_EQ(seen.size(), 32U) << "two signs, two exponents, eight mantissas";
  EXPECT_NEAR(sum / 20000, 0, 0.045);  // five standard errors of values of deviation 1.2
}

TEST(Rotation, GoesRoundTwiceTheCacheAndLeavesOutWhatCannot) {
  const auto both = rotations(kMiB, 100 * kMiB, 1000 * kMiB);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_TRUE(both[0].hot);
  EXPECT_EQ(both[1].sets, 100U);
  EXPECT_EQ(rotations(26 * kMiB, 100 * kMiB, 1000 * kMiB).size(), 1U) << "too large to be hot";
  EXPECT_EQ(rotations(400 * kMiB, 100 * kMiB, 1000 * kMiB).at(0).sets, 1U);
  const auto tiny = rotations(4096, 100 * kMiB, 1000 * kMiB);
  ASSERT_EQ(tiny.size(), 1U) << "too many sets to be cold";
  EXPECT_TRUE(tiny[0].hot);
  EXPECT_TRUE(rotations(2000 * kMiB, 100 * kMiB, 1000 * kMiB).empty());
}

}  // namespace
}  // namespace moesim::kernels
