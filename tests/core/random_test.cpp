#include "sim/core/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace moesim {
namespace {

// Known answers of philox4x32-10: file tests/kat_vectors of Random123
// (https://github.com/DEShawResearch/random123).
TEST(Philox, GivesTheKnownAnswersOfRandom123) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, IsAPureFunctionOfSeedStreamAndIndex) {
  const RandomStream a(1, 2), same(1, 2), other_seed(2, 2), other_stream(1, 3);
  EXPECT_EQ(a.block(7), same.block(7));
  EXPECT_NE(a.block(7), a.block(8));
  EXPECT_NE(a.block(7), other_seed.block(7));
  EXPECT_NE(a.block(7), other_stream.block(7));
}

TEST(RandomStream, UsesAllBitsOfSeedStreamAndIndex) {
  constexpr std::uint64_t high = std::uint64_t{1} << 40;
  EXPECT_NE(RandomStream(1, 2).block(3), RandomStream(1 + high, 2).block(3));
  EXPECT_NE(RandomStream(1, 2).block(3), RandomStream(1, 2 + high).block(3));
  EXPECT_NE(RandomStream(1, 2).block(3), RandomStream(1, 2).block(3 + high));
}

double chi_square(const std::vector<int>& counts, double expected) {
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

// 63 degrees of freedom: 103.4 is the quantile of probability 0.999 and 32.5 that of 0.0005
// (chi-square tables).
TEST(RandomStream, IsUniform) {
  constexpr int draws = 64 * 2000;
  for (const std::uint64_t stream : {0u, 1u, 12345u}) {
    const RandomStream random(42, stream);
    std::vector<int> first(64), second(64), words(64);
    for (std::uint64_t i = 0; i < draws; ++i) {
      const auto [u, v] = random.uniforms(i);
      ASSERT_TRUE(u > 0 && u < 1 && v > 0 && v < 1);
      ++first[static_cast<std::size_t>(u * 64)];
      ++second[static_cast<std::size_t>(v * 64)];
      ++words[random.below(i, 64)];
    }
    for (const auto& counts : {first, second, words}) {
      EXPECT_LT(chi_square(counts, 2000), 103.4);
      EXPECT_GT(chi_square(counts, 2000), 32.5);
    }
  }
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - 0.5) * (b[i] - 0.5);
    aa += (a[i] - 0.5) * (a[i] - 0.5);
    bb += (b[i] - 0.5) * (b[i] - 0.5);
  }
  return ab / std::sqrt(aa * bb);
}

TEST(RandomStream, NeighbouringStreamsSeedsAndDrawsDoNotCorrelate) {
  constexpr std::size_t n = 100'000;
  const auto sequence = [&](std::uint64_t seed, std::uint64_t stream, std::uint64_t from) {
    std::vector<double> values;
    for (std::uint64_t i = 0; i < n; ++i)
      values.push_back(RandomStream(seed, stream).uniform(from + i));
    return values;
  };
  const auto base = sequence(1, 1, 0);
  const double limit =
      4 / std::sqrt(static_cast<double>(n));  // four standard errors of no correlation
  EXPECT_LT(std::abs(correlation(base, sequence(1, 2, 0))), limit);
  EXPECT_LT(std::abs(correlation(base, sequence(2, 1, 0))), limit);
  EXPECT_LT(std::abs(correlation(base, sequence(1, 1, 1))), limit);
}

TEST(RandomStream, BelowStaysBelowAndReachesEveryValue) {
  const RandomStream random(3, 4);
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 1000; ++i) seen.insert(random.below(i, 7));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(random.below(0, 1), 0u);
  constexpr auto large = std::uint64_t{1} << 63;
  EXPECT_LT(random.below(5, large), large);
}

/// Largest distance between the sample's distribution and `cdf` (Kolmogorov-Smirnov).
template <class Cdf>
double distance(std::vector<double> sample, const Cdf& cdf) {
  std::ranges::sort(sample);
  const auto n = static_cast<double>(sample.size());
  double worst = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double f = cdf(sample[i]), rank = static_cast<double>(i);
    worst = std::max({worst, std::abs(f - rank / n), std::abs(f - (rank + 1) / n)});
  }
  return worst;
}

// 1.95 / sqrt(n) is the quantile of probability 0.999 of the Kolmogorov distribution.
TEST(RandomStream, VariatesFollowTheirDistributions) {
  constexpr std::uint64_t n = 100'000;
  const RandomStream random(5, 6);
  std::vector<double> exponential, normal;
  for (std::uint64_t i = 0; i < n; ++i) {
    exponential.push_back(random.exponential(i));
    normal.push_back(random.normal(i));
  }
  const double limit = 1.95 / std::sqrt(static_cast<double>(n));
  EXPECT_LT(distance(exponential, [](double x) { return 1 - std::exp(-x); }), limit);
  EXPECT_LT(distance(normal, [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }), limit);
}

TEST(StreamId, TellsEntitiesApart) {
  std::set<std::uint64_t> ids;
  for (const char* name : {"", "arrivals", "gumbel", "popularity"})
    for (std::uint64_t a = 0; a < 50; ++a)
      for (std::uint64_t b = 0; b < 50; ++b) ids.insert(stream_id(name, a, b));
  EXPECT_EQ(ids.size(), 4u * 50 * 50);
}

}  // namespace
}  // namespace moesim
