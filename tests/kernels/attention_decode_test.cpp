#include "kernels/attention_decode.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace moesim::kernels {
namespace {

/// Attends in plain loops, a nanosecond for a byte of cache, and goes wrong in a way the test
/// chooses.
class PlainDecode final : public DecodeDevice {
 public:
  enum class Fault {
    kNone,
    kWrongSet,
    kMissesATokenInSplits,
    kNoScales,
    kSharesHeads,
    kNotANumber
  };
  explicit PlainDecode(std::vector<std::string> kv_dtypes, Fault fault = Fault::kNone)
      : kv_dtypes_(std::move(kv_dtypes)), fault_(fault) {}

  std::string name() const override { return "one byte a nanosecond"; }
  std::string library() const override { return "none"; }
  std::size_t cache_bytes() const override { return cache_bytes_; }
  std::size_t memory_bytes() const override { return memory_bytes_; }
  std::vector<std::string> kv_dtypes() const override { return kv_dtypes_; }
  std::size_t splits(const DecodeShape& shape) const override {
    return choose_splits(shape.batch * shape.kv_heads, 64, (shape.context + 63) / 64);
  }
  void fill(const DecodeShape&, std::size_t, std::uint64_t seed) override { seed_ = seed; }
  void run(const DecodeShape& shape, std::size_t splits, std::size_t set) override {
    splits_ = splits;
    base_ = fault_ == Fault::kWrongSet ? 0 : set * shape.kv_elements();
  }

  std::vector<float> output(const DecodeShape& shape) override {
    std::vector<float> out;
    const std::size_t group = shape.heads / shape.kv_heads, width = shape.key_dim();
    const bool scaled = shape.kv_dtype == "fp8" && fault_ != Fault::kNoScales;
    const std::size_t last =
        shape.context - (fault_ == Fault::kMissesATokenInSplits && splits_ > 1 ? 1 : 0);
    for (std::size_t row = 0; row < shape.batch * shape.heads; ++row) {
      const std::size_t head = fault_ == Fault::kSharesHeads ? row / group * group : row;
      if (row % group == 0) read_cache(shape, row / group);
      std::vector<double> q, sums(shape.value_dim, 0.0);
      for (std::size_t d = 0; d < width; ++d)
        q.push_back(static_cast<double>(
            random_value(head * width + d, query_seed(seed_), shape.dtype() == "fp32" ? 21 : 7)));
      double total = 0;
      for (std::size_t t = 0; t < last; ++t) {
        double dot = 0;
        for (std::size_t d = 0; d < width; ++d) dot += q[d] * keys_[t * width + d];
        const double weight =
            std::exp(dot * shape.softmax_scale() * (scaled ? double{kKeyScale} : 1.0));
        total += weight;
        for (std::size_t d = 0; d < shape.value_dim; ++d)
          sums[d] += weight * values_[t * width + d];
      }
      for (const double sum : sums)
        out.push_back(static_cast<float>(sum / total * (scaled ? double{kValueScale} : 1.0)));
    }
    if (fault_ == Fault::kNotANumber) out.back() = std::nanf("");
    return out;
  }

  Sampler sampler(const DecodeShape& shape, std::size_t, std::size_t) override {
    const std::size_t bytes = shape.kv_bytes();
    return {"exact", 1, [bytes] { return 1e-9 * static_cast<double>(bytes); }};
  }

  std::size_t cache_bytes_ = 50 * kMiB, memory_bytes_ = std::size_t{70} << 30;

 private:
  /// Keys and values of kv head `part`, counted over the sequences, in rows of key_dim().
  void read_cache(const DecodeShape& shape, std::size_t part) {
    const std::size_t size = shape.context * shape.key_dim(), first = base_ + part * size;
    const std::size_t values = shape.mla ? first : first + shape.kv_elements() / 2;
    const int bits = shape.mantissa_bits();
    keys_.clear();
    values_.clear();
    for (std::size_t i = 0; i < size; ++i) {
      keys_.push_back(static_cast<double>(random_value(first + i, seed_, bits)));
      values_.push_back(static_cast<double>(random_value(values + i, seed_, bits)));
    }
  }

  std::vector<std::string> kv_dtypes_;
  Fault fault_;
  std::vector<double> keys_, values_;
  std::uint64_t seed_ = 0;
  std::size_t base_ = 0, splits_ = 1;
};

const DecodeShape kSmallGqa = decode_shape(false, "fp8", 2, 333, {4, 2});
const DecodeShape kSmallMla = decode_shape(true, "bf16", 1, 200, {2, 1});

TEST(DecodeCheck, AcceptsACorrectDevice) {
  PlainDecode device({"fp8"});
  EXPECT_NO_THROW(check_decode(device, kSmallGqa, 3, 5));
  EXPECT_NO_THROW(check_decode(device, kSmallMla, 1, 5));
}

TEST(DecodeCheck, FindsEveryFault) {
  using Fault = PlainDecode::Fault;
  for (const Fault fault : {Fault::kWrongSet, Fault::kMissesATokenInSplits, Fault::kNoScales,
                            Fault::kSharesHeads, Fault::kNotANumber}) {
    PlainDecode device({"fp8"}, fault);
    EXPECT_THROW(check_decode(device, kSmallGqa, 3, 5), std::runtime_error)
        << static_cast<int>(fault);
    if (fault == Fault::kNoScales) continue;
    EXPECT_THROW(check_decode(device, kSmallMla, 3, 5), std::runtime_error)
        << static_cast<int>(fault);
  }
}

TEST(DecodeSplits, FillTheDeviceWithoutEmptyPartsAndOnlyWhereRowsDoNot) {
  EXPECT_EQ(choose_splits(396, 396, 512), 1U);
  EXPECT_EQ(choose_splits(4096, 396, 2), 1U);
  EXPECT_EQ(choose_splits(4, 396, 2), 2U) << "no more than tiles";
  for (const std::size_t rows : {1, 4, 16, 100, 300})
    for (const std::size_t tiles : {1, 3, 8, 512}) {
      const std::size_t splits = choose_splits(rows, 396, tiles);
      const std::size_t each = (tiles + splits - 1) / splits;
      EXPECT_LT((splits - 1) * each, tiles) << "the last part would be empty";
      EXPECT_LE(splits, 128U);
    }
  // Six tiles each make 86 parts and fill 87 % of the device; 85 % of that will do.
  EXPECT_GE(choose_splits(4, 396, 512) * 4, 0.85 * 0.86 * 396);
}

TEST(DecodePlan, StaysInMemoryAndIsWhatItsL2ColumnSays) {
  const PlainDecode device({"bf16", "fp8"});
  for (const bool mla : {false, true})
    for (const DecodePoint& point : plan_decode(device, mla, Options{})) {
      const std::size_t bytes = point.shape.kv_bytes() * point.rotation.sets;
      EXPECT_LE(bytes, device.memory_bytes());
      EXPECT_LE(point.shape.kv_bytes(), 20'000'000'000U);
      if (point.rotation.hot)
        EXPECT_LE(bytes, device.cache_bytes() / 2);
      else
        EXPECT_GE(bytes, 2 * device.cache_bytes());
    }
}

TEST(DecodePlan, HasEveryPointOnceInAnOrderThatDependsOnTheSeedAlone) {
  const auto keys = [](std::uint64_t seed) {
    Options options;
    options.seed = seed;
    std::vector<std::tuple<std::string, std::size_t, std::size_t, std::size_t, std::size_t, bool>>
        all;
    for (const auto& [shape, rotation] : plan_decode(PlainDecode({"bf16", "fp8"}), false, options))
      all.emplace_back(shape.kv_dtype, shape.batch, shape.context, shape.heads, shape.kv_heads,
                       rotation.hot);
    return all;
  };
  auto a = keys(1), b = keys(2);
  EXPECT_EQ(a, keys(1));
  EXPECT_NE(a, b);
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  EXPECT_EQ(a, b);
  EXPECT_EQ(std::set(a.begin(), a.end()).size(), a.size());
  // 3 heads x 5 batches x 5 contexts, less the bf16 cache of 34 GB of 8 heads.
  EXPECT_EQ(std::count_if(
                a.begin(), a.end(),
                [](const auto& key) { return std::get<0>(key) == "bf16" && !std::get<5>(key); }),
            74);
}

TEST(DecodeRun, WritesTheTimeOfTheDeviceForBothKinds) {
  for (const bool mla : {false, true}) {
    PlainDecode device({"fp32"});
    device.cache_bytes_ = kMiB;
    Options options;
    options.short_mode = true;
    std::ostringstream out;
    run_decode(device, mla, options, out);
    std::istringstream lines(out.str());
    std::string line;
    std::getline(lines, line);
    EXPECT_EQ(line.substr(0, 40), "op,kind,dtype,kv_dtype,batch,context,hea");
    std::size_t rows = 0;
    for (; std::getline(lines, line); ++rows) {
      std::vector<std::string> cells;
      std::istringstream row(line);
      for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
      EXPECT_EQ(cells.at(1), mla ? "mla" : "gqa");
      EXPECT_EQ(cells.at(8), mla ? "576" : "128");
      EXPECT_NEAR(std::stod(cells.at(15)), 1e-3 * std::stod(cells.at(12)), 0.01) << line;
    }
    // Contexts 128 and 512, cold; hot in half of a MiB is the first one alone.
    EXPECT_EQ(rows, 3U);
  }
}

TEST(DecodeRun, SaysWhenNothingFits) {
  PlainDecode device({"fp32"});
  Options options;
  options.short_mode = true;
  options.max_mib = 0.01;
  std::ostringstream out;
  EXPECT_THROW(run_decode(device, true, options, out), std::runtime_error);
}

}  // namespace
}  // namespace moesim::kernels
