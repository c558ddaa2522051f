#include "sim/metrics/distribution.hpp"

#include <gtest/gtest.h>

namespace moesim {
namespace {

TEST(Distribution, InterpolatesAsNumpyDoes) {
  // numpy.percentile([1, 2, 3, 4], [50, 90, 95, 99]) = [2.5, 3.7, 3.85, 3.97]
  const std::vector<double> samples = {4, 1, 3, 2};
  const auto d = distribution(samples);
  EXPECT_DOUBLE_EQ(d.mean, 2.5);
  EXPECT_DOUBLE_EQ(d.p50, 2.5);
  EXPECT_DOUBLE_EQ(d.p90, 3.7);
  EXPECT_DOUBLE_EQ(d.p95, 3.85);
  EXPECT_DOUBLE_EQ(d.p99, 3.97);
  EXPECT_EQ(d.max, 4);
  EXPECT_EQ(d.count, 4);
}

TEST(Distribution, CountedSamplesEqualTheSameSamplesWrittenOut) {
  const std::vector<CountedSample> counted = {{0.5, 3}, {2.0, 5}, {0.1, 1}, {2.5, 2}};
  std::vector<double> all;
  for (const auto& s : counted) all.insert(all.end(), static_cast<std::size_t>(s.count), s.value);
  const auto a = distribution(counted), b = distribution(all);
  EXPECT_DOUBLE_EQ(a.mean, b.mean);
  EXPECT_EQ(a.p50, b.p50);
  EXPECT_EQ(a.p90, b.p90);
  EXPECT_EQ(a.p99, b.p99);
  EXPECT_EQ(a.count, b.count);
}

TEST(Distribution, OfNothingIsZeroAndOfOneIsThatOne) {
  EXPECT_EQ(distribution(std::vector<double>{}).count, 0);
  const auto one = distribution(std::vector<double>{3});
  EXPECT_EQ(one.p50, 3);
  EXPECT_EQ(one.p99, 3);
}

}  // namespace
}  // namespace moesim
