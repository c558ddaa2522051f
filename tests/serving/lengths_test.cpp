#include "sim/serving/lengths.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "sim/serving/lengths_copula.hpp"
#include "sim/serving/lengths_profile.hpp"

namespace moesim {
namespace {

std::unique_ptr<Lengths> make(const std::string& yaml, std::uint64_t seed = 42) {
  return Value<Choice<Lengths>>::read(parse_yaml(yaml, "s.yaml")).make({seed});
}

std::string error_of(const std::string& yaml) {
  try {
    make(yaml);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

std::vector<TraceRequest> drawn(const Lengths& lengths, std::int64_t count) {
  std::vector<TraceRequest> all;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto tokens = lengths.at(i);
    all.push_back({Seconds(0), tokens.input, tokens.output});
  }
  return all;
}

TEST(FixedLengths, AreTheSameForEveryRequest) {
  const auto lengths = make("{type: fixed, input: 1024, output: 128}");
  EXPECT_EQ(lengths->at(0), (Lengths::Tokens{1024, 128}));
  EXPECT_EQ(lengths->at(999), (Lengths::Tokens{1024, 128}));
}

TEST(UniformLengths, ReachBothBoundsEquallyOftenAsAnyOther) {
  const auto lengths =
      make("{type: uniform, input_min: 3, input_max: 12, output_min: 5, output_max: 5}");
  std::map<std::int64_t, int> count;
  constexpr int n = 100'000;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto tokens = lengths->at(i);
    ++count[tokens.input];
    ASSERT_EQ(tokens.output, 5);
  }
  ASSERT_EQ(count.size(), 10u);
  EXPECT_EQ(count.begin()->first, 3);
  EXPECT_EQ(count.rbegin()->first, 12);
  double chi_squared = 0;
  for (const auto& [_, k] : count) chi_squared += std::pow(k - n / 10.0, 2) / (n / 10.0);
  EXPECT_LT(chi_squared, 21.7);  // 99 % of the chi-squared distribution with 9 degrees of freedom
}

TEST(UniformLengths, DrawInputAndOutputIndependently) {
  const auto lengths =
      make("{type: uniform, input_min: 1, input_max: 1000, output_min: 1, output_max: 1000}");
  const auto sample = drawn(*lengths, 20'000);
  EXPECT_NEAR(summarise(sample).rank_correlation, 0, 3 / std::sqrt(20'000.0));
}

TEST(LogNormalLengths, HaveTheGivenMedianAndSigma) {
  const auto lengths = make(
      "{type: log-normal, input_median: 5000, input_sigma: 0.8, output_median: 3000, output_sigma: "
      "0.4}");
  double sum = 0, squares = 0;
  std::vector<std::int64_t> inputs;
  constexpr int n = 50'000;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto tokens = lengths->at(i);
    inputs.push_back(tokens.input);
    const double z = std::log(static_cast<double>(tokens.output) / 3000) / 0.4;
    sum += z;
    squares += z * z;
  }
  std::ranges::sort(inputs);
  EXPECT_NEAR(static_cast<double>(inputs[n / 2]), 5000, 5000 * 0.015);
  EXPECT_NEAR(sum / n, 0, 3 / std::sqrt(double{n}));
  EXPECT_NEAR(squares / n, 1, 0.03);
  double distance = 0;  // Kolmogorov-Smirnov against the log-normal of the inputs
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const double z = std::log(static_cast<double>(inputs[i]) / 5000) / 0.8;
    distance = std::max(distance, std::abs(0.5 * std::erfc(-z / std::sqrt(2.0)) -
                                           (static_cast<double>(i) + 0.5) / n));
  }
  EXPECT_LT(distance * std::sqrt(double{n}), 1.63);  // 99 %
}

TEST(LogNormalLengths, StayWithinTheBounds) {
  const auto lengths = make(
      "{type: log-normal, input_median: 100, input_sigma: 3, output_median: 100, output_sigma: 3, "
      "input_min: 50,"
      " input_max: 200, output_max: 150}");
  std::int64_t low = 1000, high = 0, output = 0;
  for (std::int64_t i = 0; i < 10'000; ++i) {
    const auto tokens = lengths->at(i);
    low = std::min(low, tokens.input);
    high = std::max(high, tokens.input);
    output = std::max(output, tokens.output);
  }
  EXPECT_EQ(low, 50);
  EXPECT_EQ(high, 200);
  EXPECT_EQ(output, 150);
}

TEST(LogNormalLengths, WithoutSpreadAreTheMedian) {
  const auto lengths = make(
      "{type: log-normal, input_median: 700, input_sigma: 0, output_median: 80, output_sigma: 0}");
  EXPECT_EQ(lengths->at(5), (Lengths::Tokens{700, 80}));
  EXPECT_FALSE(lengths->uses_seed());
}

TEST(EmpiricalLengths, ReproduceTheProfileTheyDrawFrom) {
  for (const auto& name : length_profile_names()) {
    const auto profile = load_length_profile(name);
    const auto lengths = make("{type: empirical, profile: " + name + "}");
    const auto again = summarise(drawn(*lengths, 100'000));
    EXPECT_NEAR(again.input_mean / profile.input_mean, 1, 0.02) << name;
    EXPECT_NEAR(again.output_mean / profile.output_mean, 1, 0.02) << name;
    EXPECT_NEAR(again.rank_correlation, profile.rank_correlation, 0.02) << name;
    for (std::size_t i = 10; i < profile.probabilities.size() && profile.probabilities[i] <= 0.95;
         i += 10) {
      const auto near = [&](std::int64_t ours, const std::vector<std::int64_t>& table) {
        // within the table's values half a percent of probability to either side, and a token
        EXPECT_GE(ours, table[i - 1] - 1) << name << " " << profile.probabilities[i];
        EXPECT_LE(ours, table[i + 1] + 1) << name << " " << profile.probabilities[i];
      };
      near(again.input[i], profile.input);
      near(again.output[i], profile.output);
    }
  }
}

TEST(EmpiricalLengths, AreCutAtTheGivenLimits) {
  const auto lengths =
      make("{type: empirical, profile: mooncake-conversation, input_max: 8192, output_max: 100}");
  std::int64_t input = 0, output = 0;
  for (const auto& request : drawn(*lengths, 2000)) {
    input = std::max(input, request.input);
    output = std::max(output, request.output);
  }
  EXPECT_EQ(input, 8192);
  EXPECT_EQ(output, 100);
}

TEST(EmpiricalLengths, TakeAProfileFromAFile) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "lengths_profile.yaml";
  FILE* file = fopen(path.c_str(), "w");
  fputs(
      "{name: two, rank_correlation: 1, probabilities: [0, 1], input: [10, 20], output: [100, "
      "200]}\n",
      file);
  fclose(file);
  const auto lengths = make("{type: empirical, profile: " + path.string() + "}");
  for (std::int64_t i = 0; i < 100;
       ++i) {  // fully dependent: the output is ten times the input, up to rounding
    const auto tokens = lengths->at(i);
    EXPECT_NEAR(static_cast<double>(tokens.output), 10.0 * static_cast<double>(tokens.input), 5.5);
    EXPECT_GE(tokens.input, 10);
    EXPECT_LE(tokens.input, 20);
  }
}

TEST(TraceLengths, FollowTheRowsAndWrapAround) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "lengths_trace.csv";
  FILE* file = fopen(path.c_str(), "w");
  fputs("arrival_s,input_tokens,output_tokens\n0,10,1\n1,20,2\n2,30,3\n", file);
  fclose(file);
  const auto lengths = make("{type: trace, file: " + path.string() + "}");
  EXPECT_EQ(lengths->at(2), (Lengths::Tokens{30, 3}));
  EXPECT_EQ(lengths->at(3), (Lengths::Tokens{10, 1}));
}

TEST(LengthProfile, SummarisesATraceByRank) {
  std::vector<TraceRequest> trace;
  for (int i = 1; i <= 201; ++i) trace.push_back({Seconds(0), i, 1000 - i});
  const auto profile = summarise(trace);
  EXPECT_EQ(profile.requests, 201);
  EXPECT_DOUBLE_EQ(profile.input_mean, 101);
  EXPECT_NEAR(profile.rank_correlation, -1, 1e-12);
  EXPECT_EQ(profile.input.front(), 1);
  EXPECT_EQ(profile.input[100], 101);  // the median
  EXPECT_EQ(profile.input.back(), 201);
}

TEST(LengthProfile, GivesEqualValuesEqualRanks) {
  const std::vector<TraceRequest> trace = {
      {Seconds(0), 1, 5}, {Seconds(0), 1, 6}, {Seconds(0), 2, 5}, {Seconds(0), 2, 6}};
  EXPECT_NEAR(summarise(trace).rank_correlation, 0, 1e-12);
}

TEST(Copula, NormalCdfAgreesWithTheCLibrary) {
  for (double x = -12; x <= 12; x += 0.01)
    EXPECT_NEAR(normal_cdf(x), 0.5 * std::erfc(-x / std::sqrt(2.0)), 1e-14) << x;
  for (double x = -12; x <= 0; x += 0.1)
    EXPECT_NEAR(normal_cdf(x) / (0.5 * std::erfc(-x / std::sqrt(2.0))), 1, 1e-8) << x;
}

TEST(Copula, CorrelationMatchesItsClosedFormAndEnds) {
  for (double r = -1; r <= 1; r += 0.125)
    EXPECT_NEAR(copula_correlation(r), 2 * std::sin(M_PI * r / 6), 1e-14) << r;
}

TEST(Lengths, AreTheSameOnEveryMachine) {
  // Taken once, and equal at -O0 and at -O3 with fused multiply-add available: another value is
  // another workload.
  const auto sum = [](const std::string& yaml) {
    const auto lengths = make(yaml);
    std::int64_t total = 0;
    for (std::int64_t i = 0; i < 100'000; ++i)
      total += 3 * lengths->at(i).input + lengths->at(i).output;
    return total;
  };
  EXPECT_EQ(sum("{type: empirical, profile: azure-2023-conversation}"), 366607224);
  EXPECT_EQ(sum("{type: log-normal, input_median: 1024, input_sigma: 0.8, output_median: 256, "
                "output_sigma: 0.6}"),
            453797489);
}

TEST(Lengths, RefuseBadParametersAtTheirPlace) {
  const auto expect = [](const std::string& yaml, const std::string& text) {
    const auto message = error_of(yaml);
    EXPECT_TRUE(message.starts_with(text)) << "for: " << yaml << "\nfound: " << message;
  };
  expect("{type: fixed, input: 0, output: 1}", "s.yaml:1:22:");
  expect("{type: fixed, input: 1.5, output: 1}", "s.yaml:1:22: expected a whole number");
  expect("{type: uniform, input_min: 5, input_max: 4, output_min: 1, output_max: 1}",
         "s.yaml:1:42: input_max is below");
  expect("{type: log-normal, input_median: 10, input_sigma: -1, output_median: 1, output_sigma: 1}",
         "s.yaml:1:51:");
  expect("{type: empirical, profile: azure-2023-conversatoin}",
         "s.yaml:1:28: unknown length profile 'azure-2023-conversatoin'; did you mean "
         "'azure-2023-conversation'?");
  expect("{type: empirical, profile: /nonexistent/p.yaml}", "/nonexistent/p.yaml: cannot read");
  expect("{type: trace, file: /nonexistent/t.csv}",
         "s.yaml:1:21: no such file: /nonexistent/t.csv");
}

TEST(LengthProfile, RefusesATableThatIsNoDistribution) {
  const auto error = [](const std::string& yaml) {
    try {
      LengthProfile::parameters().read(parse_yaml(yaml, "p.yaml"));
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  EXPECT_TRUE(error("{name: x, probabilities: [0, 0.5], input: [1, 2], output: [1, 2]}")
                  .starts_with("p.yaml:1:26: probabilities must rise"));
  EXPECT_TRUE(error("{name: x, probabilities: [0, 1], input: [1, 2, 3], output: [1, 2]}")
                  .starts_with("p.yaml:1:41: input has 3 entries"));
  EXPECT_TRUE(error("{name: x, probabilities: [0, 1], input: [1, 2], output: [2, 1]}")
                  .starts_with("p.yaml:1:57: output must not fall"));
}

}  // namespace
}  // namespace moesim
