#include "sim/serving/arrivals.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "sim/serving/arrivals_gamma.hpp"

namespace moesim {
namespace {

std::unique_ptr<Arrivals> make(const std::string& yaml, std::uint64_t seed = 42) {
  return Value<Choice<Arrivals>>::read(parse_yaml(yaml, "s.yaml")).make({seed});
}

std::string error_of(const std::string& yaml) {
  try {
    make(yaml);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

std::vector<double> gaps(Arrivals& arrivals, int count) {
  std::vector<double> all;
  double last = 0;
  for (int i = 0; i < count; ++i) {
    const double now = arrivals.next().value;
    all.push_back(now - last);
    last = now;
  }
  return all;
}

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments(const std::vector<double>& values) {
  Moments m;
  for (const double v : values) m.mean += v;
  m.mean /= static_cast<double>(values.size());
  for (const double v : values) m.variance += (v - m.mean) * (v - m.mean);
  m.variance /= static_cast<double>(values.size() - 1);
  return m;
}

/// Kolmogorov-Smirnov distance times sqrt(n): below 1.63 in 99 of 100 samples of the right
/// distribution.
double ks_statistic(std::vector<double> values, const std::function<double(double)>& cdf) {
  std::ranges::sort(values);
  const auto n = static_cast<double>(values.size());
  double distance = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double expected = cdf(values[i]);
    distance = std::max({distance, expected - static_cast<double>(i) / n,
                         static_cast<double>(i + 1) / n - expected});
  }
  return distance * std::sqrt(n);
}

constexpr double ks_99 = 1.63;

TEST(PoissonArrivals, HasExponentialGapsAtTheGivenRate) {
  const auto arrivals = make("{type: poisson, rate: 4 /s}");
  const auto sample = gaps(*arrivals, 100'000);
  const auto m = moments(sample);
  EXPECT_NEAR(m.mean, 0.25, 0.25 * 0.01);
  EXPECT_NEAR(m.variance, 0.0625, 0.0625 * 0.03);
  EXPECT_LT(ks_statistic(sample, [](double x) { return 1 - std::exp(-4 * x); }), ks_99);
}

TEST(PoissonArrivals, HasUncorrelatedGaps) {
  const auto arrivals = make("{type: poisson, rate: 1 /s}");
  const auto sample = gaps(*arrivals, 100'000);
  double product = 0;
  for (std::size_t i = 1; i < sample.size(); ++i) product += (sample[i] - 1) * (sample[i - 1] - 1);
  EXPECT_NEAR(product / 99'999, 0, 3 / std::sqrt(1e5));
}

TEST(GammaVariate, HasTheMomentsAndTheDistributionOfItsShape) {
  struct Case {
    double shape;
    std::function<double(double)> cdf;  // closed forms of the regularised incomplete gamma function
  };
  const std::vector<Case> cases = {
      {0.5, [](double x) { return std::erf(std::sqrt(x)); }},
      {1, [](double x) { return 1 - std::exp(-x); }},
      {1.5,
       [](double x) { return std::erf(std::sqrt(x)) - 2 * std::sqrt(x / M_PI) * std::exp(-x); }},
      {2, [](double x) { return 1 - (1 + x) * std::exp(-x); }},
      {4, [](double x) { return 1 - (1 + x + x * x / 2 + x * x * x / 6) * std::exp(-x); }}};
  for (const auto& [shape, cdf] : cases) {
    std::vector<double> sample;
    for (std::uint64_t i = 0; i < 100'000; ++i)
      sample.push_back(gamma_variate(3, "test", i, shape));
    const auto m = moments(sample);
    EXPECT_NEAR(m.mean, shape, 0.015 * shape) << shape;
    EXPECT_NEAR(m.variance, shape, 0.04 * shape) << shape;
    EXPECT_LT(ks_statistic(sample, cdf), ks_99) << shape;
  }
}

TEST(GammaVariate, StaysFiniteAndNotNegativeAtExtremeShapes) {
  for (const double shape : {1e-3, 0.01, 1e3, 1e6})
    for (std::uint64_t i = 0; i < 1000; ++i) {
      const double v = gamma_variate(1, "test", i, shape);
      ASSERT_TRUE(std::isfinite(v) && v >= 0) << shape;
    }
}

TEST(GammaArrivals, KeepsTheRateAndTurnsBurstinessIntoVariation) {
  for (const double burstiness : {0.25, 1.0, 4.0}) {
    const auto arrivals =
        make("{type: gamma, rate: 10 /s, burstiness: " + std::to_string(burstiness) + "}");
    const auto m = moments(gaps(*arrivals, 200'000));
    EXPECT_NEAR(m.mean, 0.1, 0.1 * 0.02) << burstiness;
    // vLLM: shape = burstiness, so the coefficient of variation is 1 / sqrt(burstiness)
    EXPECT_NEAR(std::sqrt(m.variance) / m.mean, 1 / std::sqrt(burstiness),
                0.02 / std::sqrt(burstiness))
        << burstiness;
  }
}

TEST(GammaArrivals, TakesTheCoefficientOfVariationInstead) {
  const auto by_cv = make("{type: gamma, rate: 10 /s, cv: 2}");
  const auto by_burstiness = make("{type: gamma, rate: 10 /s, burstiness: 0.25}");
  EXPECT_EQ(gaps(*by_cv, 100), gaps(*by_burstiness, 100));
}

TEST(GammaArrivals, IsPoissonByDefault) {
  const auto arrivals = make("{type: gamma, rate: 2 /s}");
  EXPECT_LT(ks_statistic(gaps(*arrivals, 50'000), [](double x) { return 1 - std::exp(-2 * x); }),
            ks_99);
}

TEST(ConstantArrivals, StartAtZeroAndDoNotDrift) {
  const auto arrivals = make("{type: constant, rate: 10 /s}");
  double last = -1;
  for (int i = 0; i <= 1'000'000; ++i) last = arrivals->next().value;
  EXPECT_EQ(last, 100'000);
}

TEST(AtOnceArrivals, AreAllAtZeroInAnOpenLoop) {
  const auto arrivals = make("at-once");
  EXPECT_EQ(arrivals->next().value, 0);
  EXPECT_EQ(arrivals->next().value, 0);
  EXPECT_FALSE(arrivals->concurrency().has_value());
}

TEST(ClosedLoopArrivals, StateTheirConcurrency) {
  EXPECT_EQ(make("{type: closed-loop, concurrency: 64}")->concurrency(), 64);
}

TEST(Arrivals, AreTheSameBitsOnEveryMachine) {
  // Taken once, and equal at -O0 and at -O3 with fused multiply-add available: another value is
  // another workload.
  const auto after = [](const std::string& yaml, int count) {
    const auto arrivals = make(yaml);
    double last = 0;
    for (int i = 0; i < count; ++i) last = arrivals->next().value;
    return last;
  };
  EXPECT_EQ(after("{type: poisson, rate: 4 /s}", 1), 0x1.ba01fcb8e869p-2);
  EXPECT_EQ(after("{type: poisson, rate: 4 /s}", 100'003), 0x1.879cb1ce58367p+14);
  EXPECT_EQ(after("{type: gamma, rate: 4 /s, burstiness: 0.5}", 100'003), 0x1.883544c44c3a2p+14);
  EXPECT_EQ(after("{type: gamma, rate: 4 /s, burstiness: 3}", 100'003), 0x1.867d2d204231p+14);
}

TEST(Arrivals, RefuseBadParametersAtTheirPlace) {
  const auto expect = [](const std::string& yaml, const std::string& text) {
    const auto message = error_of(yaml);
    EXPECT_TRUE(message.starts_with(text)) << "for: " << yaml << "\nfound: " << message;
  };
  expect("{type: poisson, rate: 4}", "s.yaml:1:23: '4' has no unit");
  expect("{type: poisson, rate: -4 /s}", "s.yaml:1:23:");
  expect("{type: poisson}", "s.yaml:1:1: missing parameter 'rate'");
  expect("{type: poison, rate: 4 /s}",
         "s.yaml:1:8: unknown arrivals 'poison'; did you mean 'poisson'?");
  expect("{type: gamma, rate: 4 /s, burstyness: 2}",
         "s.yaml:1:27: unknown key 'burstyness'; did you mean 'burstiness'?");
  expect("{type: gamma, rate: 4 /s, burstiness: 2, cv: 1}",
         "s.yaml:1:46: give either 'burstiness' or 'cv'");
  expect("{type: gamma, rate: 4 /s, burstiness: 0}", "s.yaml:1:39:");
  expect("{type: closed-loop, concurrency: 0}", "s.yaml:1:34:");
}

}  // namespace
}  // namespace moesim
