#include "kernels/attention_prefill.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace moesim::kernels {
namespace {

/// Attends in plain loops with a TFLOP a second, and goes wrong in a way the test chooses.
class PlainPrefill final : public PrefillDevice {
 public:
  enum class Fault { kNone, kNotCausal, kLosesTheDiagonal, kWrongHead, kWrongSet };
  explicit PlainPrefill(Fault fault = Fault::kNone) : fault_(fault) {}

  std::string name() const override { return "a TFLOP a second"; }
  std::string library() const override { return "none"; }
  std::string dtype() const override { return "bf16"; }
  std::size_t cache_bytes() const override { return 50 * kMiB; }
  std::size_t memory_bytes() const override { return std::size_t{70} << 30; }
  void fill(const PrefillShape&, std::size_t, std::uint64_t seed) override { seed_ = seed; }
  void run(const PrefillShape&, std::size_t) override {}

  std::vector<float> output(const PrefillShape& shape, std::size_t set) override {
    const std::size_t group = shape.heads / shape.kv_heads, dim = kPrefillDim;
    const std::size_t base = fault_ == Fault::kWrongSet ? 0 : set * shape.input_elements();
    const auto number = [this, base](std::size_t index) {
      return static_cast<double>(random_value(base + index, seed_, kMantissaBitsBf16));
    };
    std::vector<float> out;
    for (std::size_t row = 0; row < shape.batch * shape.tokens * shape.heads; ++row) {
      const std::size_t token = row / shape.heads, first = token / shape.tokens * shape.tokens;
      const std::size_t kv = fault_ == Fault::kWrongHead ? row % shape.heads % shape.kv_heads
                                                         : row % shape.heads / group;
      const std::size_t keys = shape.query_elements(), values = keys + shape.key_elements();
      std::size_t end = token + 1;
      if (fault_ == Fault::kNotCausal) end = first + shape.tokens;
      if (fault_ == Fault::kLosesTheDiagonal && token > first) end = token;
      std::vector<double> sums(dim, 0.0);
      double total = 0;
      for (std::size_t t = first; t < end; ++t) {
        double dot = 0;
        for (std::size_t d = 0; d < dim; ++d)
          dot += number(row * dim + d) * number(keys + (t * shape.kv_heads + kv) * dim + d);
        const double weight = std::exp(dot * prefill_scale());
        total += weight;
        for (std::size_t d = 0; d < dim; ++d)
          sums[d] += weight * number(values + (t * shape.kv_heads + kv) * dim + d);
      }
      for (const double sum : sums) out.push_back(static_cast<float>(sum / total));
    }
    return out;
  }

  Sampler sampler(const PrefillShape& shape, std::size_t) override {
    const double flop = shape.flop();
    return {"exact", 1, [flop] { return 1e-12 * flop; }};
  }

 private:
  Fault fault_;
  std::uint64_t seed_ = 0;
};

const PrefillShape kSmall{"bf16", 2, 70, 4, 2};

TEST(PrefillCheck, AcceptsACorrectDevice) {
  PlainPrefill device;
  EXPECT_NO_THROW(check_prefill(device, kSmall, 3));
}

TEST(PrefillCheck, FindsEveryFault) {
  using Fault = PlainPrefill::Fault;
  for (const Fault fault :
       {Fault::kNotCausal, Fault::kLosesTheDiagonal, Fault::kWrongHead, Fault::kWrongSet}) {
    PlainPrefill device(fault);
    EXPECT_THROW(check_prefill(device, kSmall, 3), std::runtime_error) << static_cast<int>(fault);
  }
}

TEST(PrefillShape, CountsHalfOfTheSquareAndTheDiagonal) {
  EXPECT_DOUBLE_EQ((PrefillShape{"bf16", 1, 1, 1, 1}).flop(), 4 * 128);
  EXPECT_DOUBLE_EQ((PrefillShape{"bf16", 3, 4, 2, 1}).flop(), 3 * 2 * 10 * 4 * 128);
}

TEST(PrefillPlan, HasEveryPointOnceAndStaysInMemory) {
  const PlainPrefill device;
  std::set<std::string> keys;
  std::size_t cold = 0;
  const auto points = plan_prefill(device, Options{});
  for (const auto& [shape, rotation] : points) {
    EXPECT_LE(shape.bytes() * rotation.sets, device.memory_bytes());
    std::ostringstream key;
    key << shape.batch << ' ' << shape.tokens << ' ' << shape.heads << ' ' << shape.kv_heads << ' '
        << rotation.hot;
    keys.insert(key.str());
    cold += rotation.hot ? 0 : 1;
  }
  EXPECT_EQ(keys.size(), points.size());
  EXPECT_EQ(cold, 36U) << "2 batches x 6 lengths x 3 heads";
}

TEST(PrefillRun, LeavesOutWhatTakesTooLongAndWritesTheTimeOfTheRest) {
  PlainPrefill device;
  Options options;
  options.max_mib = 80;  // 32 heads and 4096 tokens fit and take 0.14 s
  std::ostringstream out;
  run_prefill(device, options, out);
  std::istringstream lines(out.str());
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line.substr(0, 31), "op,kind,dtype,batch,tokens,head");
  std::size_t rows = 0;
  for (; std::getline(lines, line); ++rows) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    const double flop = std::stod(cells.at(9)), latency_us = std::stod(cells.at(12));
    EXPECT_NEAR(latency_us, 1e-6 * flop, 1e-5 * latency_us) << line;
    EXPECT_LE(latency_us, 60e3);
  }
  std::size_t planned = 0, slow = 0;
  for (const auto& point : plan_prefill(device, options)) {
    ++planned;
    slow += point.shape.flop() > 0.060e12 ? 1 : 0;
  }
  EXPECT_GT(slow, 0U) << "the test would show nothing";
  EXPECT_EQ(rows, planned - slow);
}

}  // namespace
}  // namespace moesim::kernels
