#include "kernels/memory_stream.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/kernels/fake_device.hpp"

namespace moesim::kernels {
namespace {

/// A device that moves one byte a nanosecond, and goes wrong in a way the test chooses.
class ByteANanosecond final : public Fake<StreamDevice> {
 public:
  enum class Fault { kNone, kSkipsTheTail, kDoesNothing, kWritesTooFar, kLosesABlock };
  explicit ByteANanosecond(Fault fault = Fault::kNone) : fault_(fault) {
    memory_bytes_ = 64 * kMiB;
  }

  std::string library(const StreamPoint&) const override { return "none"; }
  std::size_t cold_bytes() const override { return cold_bytes_; }
  void fill(std::size_t pool_elements, std::uint64_t seed) override {
    pool_.resize(pool_elements);
    for (std::size_t i = 0; i < pool_elements; ++i) pool_[i] = stream_value(i, seed);
    sum_ = 0;
  }
  void prepare(const StreamPoint& point, std::uint64_t) override { hot_ = point.rotation.hot; }
  void run(Pattern pattern, std::size_t elements, std::size_t set) override {
    if (fault_ == Fault::kDoesNothing) return;
    const std::size_t a = set * arrays_of(pattern) * elements;
    std::size_t end = elements;
    if (fault_ == Fault::kSkipsTheTail) end -= 4;
    if (fault_ == Fault::kWritesTooFar) end += 4;
    for (std::size_t i = fault_ == Fault::kLosesABlock ? 1024 : 0; i < end; ++i) {
      const std::size_t b = a + elements + i, c = b + elements;
      if (pattern == Pattern::kRead) sum_ += static_cast<double>(pool_[a + i]);
      if (pattern == Pattern::kWrite) pool_[a + i] = written_value(i);
      if (pattern == Pattern::kCopy) pool_[a + i] = pool_[b];
      if (pattern == Pattern::kTriad) pool_[a + i] = pool_[b] + kTriadFactor * pool_[c];
    }
  }
  double sum() override { return sum_; }
  std::vector<float> fetch(std::size_t first, std::size_t count) override {
    const auto begin = pool_.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
  }
  Sampler sampler(const StreamPoint& point) override {
    const std::size_t bytes = point.moved_bytes();
    return {"exact", 1, [bytes] { return 1e-9 * static_cast<double>(bytes); }};
  }

  std::size_t cold_bytes_ = 8 * kMiB;

 private:
  Fault fault_;
  std::vector<float> pool_;
  double sum_ = 0;
};

const std::vector<Pattern> kAll = {Pattern::kRead, Pattern::kWrite, Pattern::kCopy,
                                   Pattern::kTriad};

TEST(MemoryStreamCheck, AcceptsACorrectDevice) {
  ByteANanosecond device;
  for (const Pattern pattern : kAll) EXPECT_NO_THROW(check_result(device, pattern, 7));
}

TEST(MemoryStreamCheck, FindsEveryFault) {
  using Fault = ByteANanosecond::Fault;
  for (const Fault fault :
       {Fault::kSkipsTheTail, Fault::kDoesNothing, Fault::kWritesTooFar, Fault::kLosesABlock}) {
    ByteANanosecond device(fault);
    for (const Pattern pattern : kAll) {
      if (pattern == Pattern::kRead && fault == Fault::kWritesTooFar)
        continue;  // reading harms nothing
      EXPECT_THROW(check_result(device, pattern, 7), std::runtime_error)
          << name_of(pattern) << ", fault " << static_cast<int>(fault);
    }
  }
}

TEST(MemoryStreamPlan, RotatesOverTwiceTheCacheAndStaysInMemory) {
  ByteANanosecond device;
  device.cold_bytes_ = 100 * kMiB;
  device.memory_bytes_ = 4000 * kMiB;
  for (const StreamPoint& point : plan_stream(device, Options{})) {
    const std::size_t bytes = point.moved_bytes() * point.rotation.sets;
    EXPECT_LE(bytes, device.memory_bytes_);
    if (point.rotation.hot)
      EXPECT_LE(bytes, device.cold_bytes_ / 4);
    else
      EXPECT_GE(bytes, device.cold_bytes_);
  }
}

TEST(MemoryStreamPlan, SparesACpuTheGigabytes) {
  ByteANanosecond device;
  device.memory_bytes_ = std::size_t{80} << 30;
  device.kind_ = DeviceKind::kCpu;
  for (const StreamPoint& point : plan_stream(device, Options{}))
    EXPECT_LE(point.array_bytes, 256 * kMiB);
}

TEST(MemoryStreamPlan, HasEveryPointOnceInAnOrderThatDependsOnTheSeedAlone) {
  Options one, two;
  two.seed = 2;
  const auto keys = [](const Options& options) {
    ByteANanosecond device;
    device.cold_bytes_ = 100 * kMiB;
    device.memory_bytes_ = std::size_t{80} << 30;
    std::vector<std::tuple<Pattern, std::size_t, bool>> all;
    for (const auto& p : plan_stream(device, options))
      all.emplace_back(p.pattern, p.array_bytes, p.rotation.hot);
    return all;
  };
  auto a = keys(one), b = keys(two);
  EXPECT_EQ(a, keys(one));
  EXPECT_NE(a, b);
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  EXPECT_EQ(a, b);
  EXPECT_EQ(std::set(a.begin(), a.end()).size(), a.size());
  EXPECT_EQ(std::count_if(a.begin(), a.end(), [](const auto& key) { return !std::get<2>(key); }),
            28);
}

TEST(MemoryStreamRun, WritesTheBandwidthOfTheDevice) {
  ByteANanosecond device;
  Options options;
  options.max_mib = 16;
  std::ostringstream out;
  run_memory_stream(device, options, out);
  std::istringstream lines(out.str());
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line.substr(0, 30), "op,pattern,dtype,array_bytes,m");
  std::size_t rows = 0;
  for (; std::getline(lines, line); ++rows)
    EXPECT_NE(line.find(",ok,1e+09"), std::string::npos) << line;
  // Rotating: 1, 4, 16 MiB of four patterns. Hot in 2 MiB: read, write and copy of 1 MiB.
  EXPECT_EQ(rows, 12U + 3U);
}

TEST(MemoryStreamRun, SaysWhenNothingFits) {
  ByteANanosecond device;
  Options options;
  options.max_mib = 0.5;
  std::ostringstream out;
  EXPECT_THROW(run_memory_stream(device, options, out), std::runtime_error);
}

TEST(MemoryStreamData, IsRandomAndNeverZero) {
  double sum = 0;
  std::set<float> seen;
  for (std::size_t i = 0; i < 100000; ++i) {
    const float value = stream_value(i, 3);
    ASSERT_TRUE(value >= 1 && value < 2);
    ASSERT_TRUE(written_value(i) >= 2 && written_value(i) < 3);
    sum += static_cast<double>(value);
    seen.insert(value);
  }
  EXPECT_NEAR(sum / 100000, 1.5, 0.005);  // five standard errors of a uniform mean
  EXPECT_GT(seen.size(), 98000U);         // 1e5 draws of 2^23 values collide some 600 times
  EXPECT_NE(stream_value(5, 3), stream_value(5, 4));
}

}  // namespace
}  // namespace moesim::kernels
