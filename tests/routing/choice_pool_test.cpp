#include "sim/routing/choice_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/core/random.hpp"
#include "sim/core/registry.hpp"
#include "sim/routing/generator.hpp"
#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

Choice<ChoiceSource> sampled(double sigma) {
  return Value<Choice<ChoiceSource>>::read(
      parse_yaml("{type: sampled, sigma: " + std::to_string(sigma) + "}", "test"));
}

ChoicePool make_pool(const Choice<ChoiceSource>& source, const std::string& router,
                     std::int64_t experts, std::int64_t k, std::int64_t tokens,
                     std::int64_t groups = 1, std::int64_t kept = 1, std::uint64_t seed = 3) {
  const auto s = source.make({seed, 4, experts, k});
  const auto r = Choice<Router>(router).make({experts, k, groups, kept});
  return {experts, s->sample(2, tokens, *r), s->weights(2), r->groups()};
}

std::int64_t distinct(std::span<const std::int32_t> counts) {
  return std::count_if(counts.begin(), counts.end(), [](auto n) { return n > 0; });
}

TEST(ChoicePool, HandsOutEveryTokenTopKTimes) {
  const auto pool = make_pool(sampled(1.0), "top-k", 64, 6, 512);
  std::vector<std::int32_t> counts(64);
  for (const std::int64_t batch : {1, 7, 511, 512, 513, 5000, 100000})
    for (std::uint64_t step = 0; step < 20; ++step) {
      pool.draw(batch, 1, 0, step, counts);
      EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}), batch * 6);
      for (const auto n : counts) {
        EXPECT_GE(n, 0);
        EXPECT_LE(n, batch);
      }
    }
}

TEST(ChoicePool, ABatchIsAWindowOfItsTokens) {
  constexpr std::int64_t kTokens = 203, kExperts = 24;  // no multiple of any stride
  const auto source = sampled(1.0).make({3, 4, kExperts, 3});
  const auto router = Choice<Router>("top-k").make({kExperts, 3, 1, 1});
  const auto choices = source->sample(2, kTokens, *router);
  const ChoicePool pool(kExperts, choices, {});
  const auto window = [&](std::int64_t begin, std::int64_t batch) {
    std::vector<std::int32_t> counts(kExperts);
    for (std::int64_t i = begin * 3; i < (begin + batch) * 3; ++i)
      ++counts[choices.experts[static_cast<std::size_t>(i % (kTokens * 3))]];
    return counts;
  };
  std::vector<std::int32_t> counts(kExperts);
  for (const std::int64_t batch : {1, 15, 16, 17, 31, 32, 33, 100, 188, 202, 203, 204, 500})
    for (std::uint64_t step = 0; step < 40; ++step) {
      pool.draw(batch, 1, 0, step, counts);
      bool found = false;
      for (std::int64_t begin = 0; begin < kTokens && !found; ++begin)
        found = counts == window(begin, batch);
      EXPECT_TRUE(found) << "batch " << batch << ", step " << step;
    }
}

TEST(ChoicePool, CountsAndTokensAgreeInMeanAndVariance) {
  // The same source through a pool that holds the batch (token level) and one that does not (count
  // level).
  constexpr std::int64_t kBatch = 600;
  const auto large = make_pool(sampled(0.7), "top-k", 32, 4, 60000);
  const auto small = make_pool(sampled(0.7), "top-k", 32, 4, 500);
  std::vector<std::int32_t> counts(32);
  std::vector<double> mean[2], square[2];
  constexpr int kDraws = 400;
  for (int level = 0; level < 2; ++level) {
    mean[level].assign(32, 0);
    square[level].assign(32, 0);
    for (int i = 0; i < kDraws; ++i) {
      (level == 0 ? large : small).draw(kBatch, 1, 0, static_cast<std::uint64_t>(i), counts);
      for (std::size_t e = 0; e < 32; ++e) {
        mean[level][e] += counts[e] / static_cast<double>(kDraws);
        square[level][e] += static_cast<double>(counts[e]) * counts[e] / kDraws;
      }
    }
  }
  double variance_ratio = 0;
  for (std::size_t e = 0; e < 32; ++e) {
    EXPECT_NEAR(mean[1][e] / mean[0][e], 1, 0.06)
        << "expert " << e;  // the small pool holds 500 tokens
    const double tokens = square[0][e] - mean[0][e] * mean[0][e],
                 drawn = square[1][e] - mean[1][e] * mean[1][e];
    variance_ratio += drawn / tokens / 32;
  }
  EXPECT_NEAR(variance_ratio, 1, 0.15);
}

/// Two-sample chi-square of `a` and `b` (as many values each) over `bins` bins that hold about as
/// many values each.
double chi_square(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b,
                  std::size_t bins) {
  std::vector<std::int32_t> all(a);
  all.insert(all.end(), b.begin(), b.end());
  std::ranges::sort(all);
  const auto histogram = [&](const std::vector<std::int32_t>& values) {
    std::vector<double> counts(bins, 0);
    for (const auto x : values) {
      std::size_t i = 0;
      while (i + 1 < bins && x > all[(i + 1) * all.size() / bins]) ++i;
      ++counts[i];
    }
    return counts;
  };
  const auto in_a = histogram(a), in_b = histogram(b);
  double sum = 0;
  for (std::size_t i = 0; i < bins; ++i)
    if (in_a[i] + in_b[i] > 0)
      sum += (in_a[i] - in_b[i]) * (in_a[i] - in_b[i]) / (in_a[i] + in_b[i]);
  return sum;
}

constexpr std::int64_t kWindow = 500;
constexpr std::size_t kWindows = 240, kExperts = 32;
using Sample = std::vector<std::vector<std::int32_t>>;  // [experts][windows]

Choices choices_of(double sigma) {
  const auto router = Choice<Router>("top-k").make({kExperts, 4, 1, 1});
  return sampled(sigma).make({3, 4, kExperts, 4})->sample(2, 2 * kWindows * kWindow, *router);
}

Choices window(const Choices& choices, std::size_t index, std::int64_t tokens) {
  const auto begin = choices.experts.begin() + static_cast<std::ptrdiff_t>(index * kWindow * 4);
  return {4, {begin, begin + tokens * 4}};
}

/// Tokens per expert of batches counted token by token, each of tokens of its own.
Sample counted_tokens(const Choices& choices) {
  Sample sample(kExperts, std::vector<std::int32_t>(kWindows, 0));
  for (std::size_t w = 0; w < kWindows; ++w)
    for (const auto e : window(choices, w, kWindow).experts) ++sample[e][w];
  return sample;
}

/// The same drawn by counts, each from a pool of its own that is one token too small for the batch.
Sample drawn_counts(double sigma) {
  const auto choices = choices_of(sigma);
  const auto weights = sampled(sigma).make({3, 4, kExperts, 4})->weights(2);
  Sample sample(kExperts);
  std::vector<std::int32_t> loads(kExperts);
  for (std::size_t w = 0; w < kWindows; ++w) {
    const ChoicePool pool(kExperts, window(choices, kWindows + w, kWindow - 1), weights, 1);
    pool.draw(kWindow, 7, 0, w, loads);
    for (std::size_t e = 0; e < kExperts; ++e) sample[e].push_back(loads[e]);
  }
  return sample;
}

TEST(ChoicePool, CountsAndTokensAgreeInDistribution) {
  constexpr std::size_t kBins = 10;
  const auto tokens = counted_tokens(choices_of(0.7));
  const auto distance = [&](const Sample& other) {
    double sum = 0;
    for (std::size_t e = 0; e < kExperts; ++e) sum += chi_square(tokens[e], other[e], kBins);
    return sum;
  };
  // 32 experts x 9 degrees of freedom; the normal approximation's 99.9 % point. A source whose
  // popularity is slightly steeper is told apart.
  const double freedom = kExperts * (kBins - 1);
  const double limit = freedom + 3.09 * std::sqrt(2 * freedom);
  EXPECT_LT(distance(drawn_counts(0.7)), limit);
  EXPECT_GT(distance(drawn_counts(0.75)), limit);
}

TEST(ChoicePool, MatchesTheDistinctExpertsOfRealTraffic) {
  // Reference: recorded ESFT tokens of mixed traffic touch 46/58/63 distinct experts at batch
  // 16/32/64 (top 6 of 64); the generator with sigma 0.7 is stated to give 45/55/61, uniform
  // choices 51/62/64 (calibration reference, 3.6).
  const std::vector<std::pair<double, std::vector<double>>> expected = {
      {0.7, {45, 55, 61}}, {1.0, {39, 50, 58}}, {0, {51, 62, 64}}};
  for (const auto& [sigma, counts_at] : expected) {
    double mean[3] = {0, 0, 0};
    constexpr int kSeeds = 12;  // popularity is one draw per seed and layer
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      const auto pool = make_pool(sampled(sigma), "top-k", 64, 6, 2000, 1, 1, seed);
      std::vector<std::int32_t> counts(64);
      for (int b = 0; b < 3; ++b)
        for (std::uint64_t step = 0; step < 40; ++step) {
          pool.draw(16 << b, seed, 0, step, counts);
          mean[b] += static_cast<double>(distinct(counts)) / (40 * kSeeds);
        }
    }
    for (int b = 0; b < 3; ++b)
      EXPECT_NEAR(mean[b], counts_at[static_cast<std::size_t>(b)], 1.6)
          << "sigma " << sigma << " batch " << (16 << b);
  }
}

TEST(ChoicePool, VisitsTheExpectedNumberOfNodes) {
  // Uniform top 8 of 256 over 8 nodes: 8 (1 - C(224,8)/C(256,8)) = 5.30 distinct nodes;
  // group-limited to 4: at most 4.
  std::vector<std::int32_t> node(256);
  for (std::size_t e = 0; e < 256; ++e) node[e] = static_cast<std::int32_t>(e / 32);
  const auto mean_nodes = [&](const ChoicePool& pool) {
    const auto p = pool.part_probability(node, 8);
    return std::accumulate(p.begin(), p.end(), 0.0);
  };
  EXPECT_NEAR(mean_nodes(make_pool(Choice<ChoiceSource>("uniform"), "top-k", 256, 8, 20000)), 5.30,
              0.03);
  const double limited =
      mean_nodes(make_pool(Choice<ChoiceSource>("uniform"), "group-limited", 256, 8, 20000, 8, 4));
  EXPECT_LE(limited, 4);
  EXPECT_GT(limited, 3.5);
}

TEST(ChoicePool, InclusionProbabilitiesAreLongRunFrequencies) {
  for (const auto* router : {"top-k", "group-limited"}) {
    const auto pool = make_pool(sampled(0.7), router, 64, 8, 60000, 8, 4);
    std::vector<std::int32_t> all(64);
    pool.draw(60000, 1, 0, 0, all);
    double worst = 0, sum = 0;
    for (std::size_t e = 0; e < 64; ++e) {
      worst = std::max(worst, std::abs(pool.inclusion()[e] - all[e] / 60000.0));
      sum += pool.inclusion()[e];
    }
    EXPECT_NEAR(sum, 8, 1e-6);
    EXPECT_LT(worst, 0.015) << router;
  }
}

TEST(ChoicePool, KeepsBalancedChoicesBalancedBeyondThePool) {
  const auto pool = make_pool(Choice<ChoiceSource>("balanced"), "top-k", 64, 4, 160);
  std::vector<std::int32_t> counts(64);
  for (const std::int64_t batch : {16, 160, 1600, 16000, 160016}) {
    pool.draw(batch, 1, 0, 3, counts);
    for (const auto n : counts) EXPECT_EQ(n, batch * 4 / 64) << batch;
  }
}

TEST(Inclusion, IsExactWhereItIsObvious) {
  const Choices one_pick{1, {0, 0, 1, 2}};  // whatever was picked, the chance was w_e / sum
  const std::vector<double> weights = {3, 2, 1};
  const auto p = inclusion_from_weights(one_pick, weights, 1);
  EXPECT_NEAR(p[0], 0.5, 1e-12);
  EXPECT_NEAR(p[1], 1.0 / 3, 1e-12);
  // Two picks (0 then 1): 3/6; then 2/3 and 1/3 of what is left.
  const auto q = inclusion_from_weights({2, {0, 1}}, weights, 1);
  EXPECT_NEAR(q[0], 0.5, 1e-12);
  EXPECT_NEAR(q[1], 2.0 / 6 + 2.0 / 3, 1e-12);
  EXPECT_NEAR(q[2], 1.0 / 6 + 1.0 / 3, 1e-12);
}

TEST(GumbelChoices, FollowPopularity) {
  // One choice of two experts with weights w: the share is w0 / (w0 + w1) (Gumbel-max).
  const auto source = sampled(1.0).make({11, 1, 2, 1});
  const auto weights = source->weights(0);
  const auto router = Choice<Router>("top-k").make({2, 1, 1, 1});
  const auto choices = source->sample(0, 60000, *router);
  const double share =
      static_cast<double>(std::count(choices.experts.begin(), choices.experts.end(), 0)) / 60000;
  EXPECT_NEAR(share, weights[0] / (weights[0] + weights[1]), 0.01);
}

/// Log popularity of all layers, from the least popular expert of each on, mean over layers.
std::vector<double> popularity_curve(const std::vector<double>& shape) {
  RoutingProfile profile;
  profile.experts = 256, profile.top_k = 8;
  profile.sigma = {0.9};
  profile.popularity = shape;
  GeneratorShape generator;
  generator.moe_layers = 40, generator.experts = 256;
  std::vector<double> curve(256, 0);
  for (std::int64_t layer = 0; layer < generator.moe_layers; ++layer) {
    auto values = log_popularity(profile, generator, layer, 0);
    double mean = 0, square = 0;
    for (const double v : values) mean += v / 256, square += v * v / 256;
    EXPECT_NEAR(mean, 0, 1e-9);
    EXPECT_NEAR(square, 0.81, 1e-9);  // the spread stays what the profile says
    std::ranges::sort(values);
    for (std::size_t e = 0; e < 256; ++e) curve[e] += values[e] / 40;
  }
  return curve;
}

TEST(LogPopularity, HasTheShapeOfItsProfile) {
  const std::vector<double> log_normal = {-2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5};
  const auto none = popularity_curve({}), straight = popularity_curve(log_normal);
  for (std::size_t e = 0; e < 256; ++e) EXPECT_NEAR(none[e], straight[e], 1e-9);
  // Half of the experts equal, the others the further away the more popular: the lower half is
  // flat, and the most popular one stands out more than where popularity is log-normal.
  const auto hot = popularity_curve({0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5});
  EXPECT_NEAR(hot[0], hot[120], 0.01);
  EXPECT_LT(hot[120] + 0.3, hot[180]);
  EXPECT_GT(hot[255], none[255] * 1.15);
  // Its mirror image has experts that are colder instead.
  const auto cold = popularity_curve({-5, -4, -3, -2, -1, 0, 0, 0, 0, 0, 0});
  EXPECT_LT(cold[0], none[0] * 1.15);
  EXPECT_NEAR(cold[135], cold[255], 0.01);
}

TEST(RoutingProfile, RefusesAPopularityThatIsNone) {
  const std::string head = "model: m\nexperts: 64\ntop_k: 6\nsigma: [1]\npopularity: ";
  const auto read = [&](const std::string& shape) {
    return RoutingProfile::parameters().read(parse_yaml(head + shape, "p.yaml"));
  };
  EXPECT_EQ(read("[-2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5]").popularity.size(), 11U);
  EXPECT_NE(testing::error_text([&] { read("[1, 2]"); }).find("p.yaml:5:13"), std::string::npos);
  EXPECT_NE(testing::error_text([&] { read("[1, 2]"); }).find("2 values"), std::string::npos);
  EXPECT_NE(testing::error_text([&] {
              read("[0, 1, 2, 3, 2, 5, 6, 7, 8, 9, 10]");
            }).find("does not grow"),
            std::string::npos);
}

TEST(FillNormal, IsStandardNormal) {
  std::vector<float> values(100003);
  RandomStream(5, 6).fill_normal(0, values);
  double mean = 0, square = 0, fourth = 0;
  for (const double v : values) mean += v, square += v * v, fourth += v * v * v * v;
  const double n = static_cast<double>(values.size());
  EXPECT_NEAR(mean / n, 0, 0.01);
  EXPECT_NEAR(square / n, 1, 0.015);
  EXPECT_NEAR(fourth / n, 3, 0.1);
  std::vector<float> again(10);
  RandomStream(5, 6).fill_normal(0, again);
  for (std::size_t i = 0; i < again.size(); ++i) EXPECT_EQ(again[i], values[i]);
}

}  // namespace
}  // namespace moesim
