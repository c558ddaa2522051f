#include "sim/cli/serving_accuracy.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "sim/cli/simulate.hpp"
#include "sim/core/text_file.hpp"

namespace moesim {
namespace {

std::vector<RequestRow> rows(const std::vector<std::pair<double, double>>& ttft_and_tpot) {
  std::vector<RequestRow> all;
  for (const auto& [ttft, tpot] : ttft_and_tpot) {
    RequestRow row;
    row.ttft_s = ttft;
    row.tpot_s = tpot;
    all.push_back(row);
  }
  return all;
}

TEST(MeansOfTenRounds, WeighTheFirstRoundForTtftAndTheLastForTpot) {
  // Two in flight, three rounds: TTFT 10 | 1 1 -> (10 + 9 x 1) / 10; TPOT 4 4 | 2 -> (9 x 4 + 2)
  // / 10.
  const auto means =
      means_of_ten_rounds(rows({{8, 4}, {12, 4}, {1, 3}, {1, 5}, {0.5, 2}, {1.5, 2}}), 2);
  EXPECT_DOUBLE_EQ(means.ttft_s, 1.9);
  EXPECT_DOUBLE_EQ(means.tpot_s, 3.8);
}

TEST(MeansOfTenRounds, AreThePlainMeansOfTenRounds) {
  std::vector<std::pair<double, double>> all;
  for (int i = 0; i < 30; ++i) all.emplace_back(1 + i * i, 100 - i);
  double ttft = 0, tpot = 0;
  for (const auto& [a, b] : all) ttft += a / 30, tpot += b / 30;
  const auto means = means_of_ten_rounds(rows(all), 3);
  EXPECT_NEAR(means.ttft_s, ttft, 1e-9);
  EXPECT_NEAR(means.tpot_s, tpot, 1e-9);
}

TEST(MeansOfTenRounds, AreThePlainMeansOfASingleRound) {
  const auto means = means_of_ten_rounds(rows({{1, 3}, {2, 5}}), 2);
  EXPECT_DOUBLE_EQ(means.ttft_s, 1.5);
  EXPECT_DOUBLE_EQ(means.tpot_s, 4);
}

/// Llama-3.1-8B on one H100, short: milliseconds to simulate.
ServingMeasurement quick(const std::string& id, std::int64_t concurrency) {
  ServingMeasurement m;
  m.id = "llama_h100_sxm_trtllm_agg_128x32_c" + std::to_string(concurrency) + "_tp1_epnone_" + id;
  m.source = "silicon_concurrency=" + std::to_string(concurrency);
  m.backend = "trtllm", m.model_path = "meta-llama/Llama-3.1-8B-Instruct", m.system = "h100_sxm",
  m.mode = "agg";
  m.input_tokens = 128, m.output_tokens = 32;
  m.batch = concurrency, m.tensor = 1, m.pipeline = 1, m.moe_tensor = 1, m.moe_expert = 1;
  m.ttft_s = 0.02, m.tpot_s = 0.008;
  return m;
}

/// Every point is reported.
AccuracyOptions whole() {
  AccuracyOptions options;
  options.halves = false;
  return options;
}

const LedgerEntry& entry(const ServingAccuracy& accuracy, const std::string& group,
                         const std::string& metric) {
  for (const auto& e : accuracy.entries)
    if (e.group == group && e.metric == metric) return e;
  throw std::runtime_error("no entry " + group + " " + metric);
}

TEST(ServingAccuracy, IsTheErrorOfTheSimulatedMeans) {
  const auto point = quick("1", 2);
  const auto accuracy = serving_accuracy({point}, whole());
  ASSERT_EQ(accuracy.compared, 1);
  const auto document = measured_scenario(point).document;
  const auto result =
      simulate({{"x", "", document, read_serving_scenario(document), places_of(document)}}, {})
          .front();
  ASSERT_EQ(result.completed, 20);  // ten rounds of two: the plain means
  EXPECT_NEAR(entry(accuracy, "overall", "TPOT").errors.bias, result.tpot_s.mean / 0.008 - 1, 1e-9);
  EXPECT_NEAR(entry(accuracy, "overall", "TTFT").errors.bias, result.ttft_s.mean / 0.02 - 1, 1e-9);
}

TEST(ServingAccuracy, SimulatesEqualScenariosOnceAndCountsAMeasurementOnce) {
  auto other_engine = quick("2", 2), again = quick("3", 2), larger = quick("4", 4);
  other_engine.backend = "lmdeploy", other_engine.ttft_s = 0.03;
  const auto accuracy = serving_accuracy({quick("1", 2), other_engine, again, larger}, whole());
  EXPECT_EQ(accuracy.rows, 4);
  EXPECT_EQ(accuracy.compared, 3);
  EXPECT_EQ(accuracy.scenarios, 3);  // an engine without kernel profiles of its own is another
  EXPECT_EQ(accuracy.left_out.at("listed again: the same measurement under another id"), 1);
  EXPECT_EQ(entry(accuracy, "engine trtllm", "TPOT").errors.n, 2);
  EXPECT_EQ(entry(accuracy, "engine trtllm", "TPOT").left_out, 1);
  EXPECT_EQ(entry(accuracy, "engine lmdeploy", "TPOT").errors.n, 1);
  EXPECT_EQ(entry(accuracy, "device hgx-h100", "TTFT").errors.n, 3);
  EXPECT_EQ(accuracy.entries.front().group, "overall");
}

TEST(ServingAccuracy, ReportsTheHalfThatNothingWasFittedOn) {
  std::vector<ServingMeasurement> points;
  for (int i = 0; i < 20; ++i) {
    points.push_back(quick(std::to_string(i), 1));
    points.back().ttft_s = 0.02 + 1e-4 * i;
  }
  const auto accuracy = serving_accuracy(points, {});
  const auto reported = entry(accuracy, "overall", "TPOT").errors.n;
  EXPECT_GT(reported, 2);
  EXPECT_LT(reported, 18);
  EXPECT_EQ(entry(accuracy, "fit half", "TPOT").errors.n, 20 - reported);
  EXPECT_EQ(entry(accuracy, "engine trtllm", "TTFT").errors.n, reported);
  EXPECT_EQ(std::ssize(accuracy.points), 40);
}

TEST(ServingAccuracy, TakesOneHalfAloneWhereItIsAskedFor) {
  std::vector<ServingMeasurement> points;
  for (int i = 0; i < 20; ++i) {
    points.push_back(quick(std::to_string(i), 1));
    points.back().ttft_s = 0.02 + 1e-4 * i;
  }
  const auto half = [&](bool fitted) {
    AccuracyOptions options;
    options.fitted = fitted;
    return serving_accuracy(points, options);
  };
  const auto both = serving_accuracy(points, {}), fit = half(true), reported = half(false);
  EXPECT_EQ(fit.rows, entry(both, "fit half", "TPOT").errors.n);
  EXPECT_EQ(entry(fit, "fit half", "TTFT").errors.bias,
            entry(both, "fit half", "TTFT").errors.bias);
  EXPECT_EQ(entry(fit, "engine trtllm", "TTFT").errors.n, fit.rows) << "groups of the fit half";
  for (const auto& point : fit.points) EXPECT_TRUE(point.fitted);
  EXPECT_EQ(fit.rows + reported.rows, 20);
  EXPECT_EQ(entry(reported, "overall", "TTFT").errors.bias,
            entry(both, "overall", "TTFT").errors.bias);
}

TEST(ServingAccuracy, TakesTheNearerWhereDraftingIsNotRecorded) {
  auto point = quick("1", 1);
  point.source = "db-dump/2026-04-27; silicon_concurrency=1";
  point.model_path = "deepseek-ai/DeepSeek-R1", point.system = "h200_sxm";
  point.gemm_format = "fp8", point.moe_format = "fp8";
  point.tensor = 8, point.moe_tensor = 8;
  point.id = "dsr1_h200_trtllm_fp8_agg_128x32_c1_tp8_ep1_1";
  auto faster = point;
  faster.id = "dsr1_h200_trtllm_fp8_agg_128x32_c1_tp8_ep1_2";
  point.tpot_s = 1, faster.tpot_s = 1e-4;
  const auto accuracy = serving_accuracy({point, faster}, whole());
  EXPECT_EQ(accuracy.scenarios, 2);
  ASSERT_EQ(accuracy.points.size(), 4U);
  EXPECT_GT(accuracy.points[0].predicted, 1.2 * accuracy.points[2].predicted);
}

TEST(ServingAccuracy, GoesOnAfterAPointThatDoesNotFit) {
  auto huge = quick("1", 2);
  huge.model_path = "meta-llama/Llama-3.1-70B";  // BF16 on one GPU
  const auto accuracy = serving_accuracy({huge, quick("2", 2)}, whole());
  EXPECT_EQ(accuracy.compared, 1);
  EXPECT_EQ(accuracy.left_out.at("refused before the run"), 1);
  EXPECT_NE(accuracy.example.at("refused before the run").find("does not fit"), std::string::npos);
  EXPECT_EQ(entry(accuracy, "model llama-3.1-70b", "TPOT").errors.n, 0);
}

TEST(ServingAccuracy, ReportsProgressUpToTheLastScenario) {
  AccuracyOptions options;
  std::vector<std::size_t> seen;
  options.progress = [&](std::size_t done, std::size_t all) {
    EXPECT_EQ(all, 2U);
    seen.push_back(done);
  };
  serving_accuracy({quick("1", 1), quick("2", 2)}, options);
  EXPECT_EQ(seen, (std::vector<std::size_t>{1, 2}));
}

TEST(ServingAccuracy, IsTheSameHoweverManyRunAtATime) {
  const std::vector<ServingMeasurement> points = {quick("1", 1), quick("2", 2), quick("3", 3)};
  AccuracyOptions one, three;
  one.jobs = 1, three.jobs = 3;
  const auto a = serving_accuracy(points, one), b = serving_accuracy(points, three);
  EXPECT_EQ(ledger_json({"", "", a.entries}), ledger_json({"", "", b.entries}));
}

class MeasuredPoints : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* given = std::getenv("MOESIM_REFERENCE_DATA");
    const auto folder = given != nullptr
                            ? std::filesystem::path(given)
                            : std::filesystem::path(MOESIM_SOURCE_DIR) / ".." / "shared" / "data";
    path_ = (folder / "e2e" / "serving_measurements.csv").string();
    if (!std::filesystem::exists(path_))
      GTEST_SKIP() << "no " << path_ << " (set MOESIM_REFERENCE_DATA)";
    points_ = parse_serving_measurements(read_text_file(path_), path_);
  }
  std::string path_;
  std::vector<ServingMeasurement> points_;
};

TEST_F(MeasuredPoints, AreReadWhole) {
  EXPECT_EQ(points_.size(), 1495U);  // MANIFEST of the reference data
  for (const auto& point : points_) {
    const auto scenario = measured_scenario(point);
    if (!scenario.left_out.empty()) continue;
    EXPECT_NO_THROW(read_serving_scenario(scenario.document)) << point.id;
  }
}

TEST_F(MeasuredPoints, AHandfulRunsEndToEnd) {
  std::vector<ServingMeasurement> some;
  std::map<std::string, int> of_model;
  for (const auto& point : points_)
    if (point.output_tokens <= 256 && measured_scenario(point).left_out.empty() &&
        of_model[point.model_path]++ < 2)
      some.push_back(point);
  ASSERT_GE(some.size(), 6U);
  const auto accuracy = serving_accuracy(some, {});
  EXPECT_EQ(accuracy.compared, static_cast<std::int64_t>(some.size()));
  for (const auto& e : accuracy.entries) {
    EXPECT_TRUE(std::isfinite(e.errors.bias)) << e.group;
    EXPECT_GT(e.errors.bias, -1) << e.group;  // every predicted time is positive
    // A measured token takes 5-60 ms here; a unit lost on the way would be an error of 1000.
    EXPECT_LT(e.errors.median_abs, 10) << e.group;
  }
}

/// Exit code and what the program said on stderr.
std::pair<int, std::string> refused(const std::string& arguments) {
  const auto command = std::string(MOESIM_BINARY) + " " + arguments + " 2>&1 >/dev/null";
  FILE* pipe = popen(command.c_str(), "r");
  std::string said;
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;) said += static_cast<char>(c);
  const int status = pclose(pipe);
  return {WEXITSTATUS(status), said};
}

TEST(ValidateCommand, SaysWhereAbsentDataWereLookedForAndHowToNameThem) {
  ASSERT_EQ(setenv("MOESIM_REFERENCE_DATA", "/nonexistent", 1), 0);
  const auto [code, said] = refused("validate serving");
  EXPECT_EQ(code, 2);
  EXPECT_NE(said.find("/nonexistent/e2e/serving_measurements.csv"), std::string::npos) << said;
  EXPECT_NE(said.find("MOESIM_REFERENCE_DATA"), std::string::npos) << said;
}

TEST(ValidateCommand, RefusesANameThatDoesNotExistYet) {
  for (const auto* name : {"servings", "kernel"}) {
    const auto [code, said] = refused(std::string("validate ") + name);
    EXPECT_EQ(code, 2);
    EXPECT_NE(said.find("did you mean"), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace moesim
