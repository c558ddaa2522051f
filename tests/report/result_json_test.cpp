#include "sim/report/result_json.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "sim/core/error.hpp"
#include "tests/report/sample_result.hpp"

namespace moesim {
namespace {

using Json = nlohmann::ordered_json;
using testing::sample_result;

std::vector<std::string> keys_of(const Json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

TEST(ResultJson, HasTheDocumentedKeysInTheirOrder) {
  const auto json = Json::parse(result_json(sample_result()));
  EXPECT_EQ(keys_of(json),
            (std::vector<std::string>{"schema",   "moesim_version",  "scenario",   "seed",
                                      "wall_s",   "peak_rss_bytes",  "events",     "simulated_s",
                                      "requests", "tokens",          "throughput", "ttft_s",
                                      "tpot_s",   "itl_s",           "e2e_s",      "queue_s",
                                      "goodput",  "steps",           "moe",        "network",
                                      "trust",    "time_breakdown_s"}));
  EXPECT_EQ(keys_of(json["ttft_s"]),
            (std::vector<std::string>{"mean", "p50", "p90", "p95", "p99", "max", "count"}));
  EXPECT_EQ(
      keys_of(json["moe"]),
      (std::vector<std::string>{"imbalance_mean", "imbalance_max", "distinct_experts_mean",
                                "dispatch_s", "combine_s", "expert_s", "exposed_comm_fraction"}));
  EXPECT_EQ(keys_of(json["throughput"]),
            (std::vector<std::string>{"output_tokens_per_s", "total_tokens_per_s", "requests_per_s",
                                      "output_tokens_per_s_per_gpu"}));
}

TEST(ResultJson, HoldsTheFiguresOfTheResult) {
  const auto json = Json::parse(result_json(sample_result()));
  EXPECT_EQ(json["requests"], Json::parse(R"({"submitted":3,"completed":2,"failed":1})"));
  EXPECT_EQ(json["tokens"], Json::parse(R"({"input":300,"output":12})"));
  EXPECT_EQ(json["ttft_s"]["p99"], 0.298);
  EXPECT_EQ(json["goodput"]["fraction"], 0.5);
  EXPECT_EQ(json["steps"]["mean_decode_s"], 0.02);
  EXPECT_EQ(json["network"]["max_link_utilization"], 0.5);
  EXPECT_EQ(json["trust"]["time_outside_calibration_fraction"], 0.25);
  EXPECT_EQ(json["time_breakdown_s"]["expert GEMMs"], 0.6);
}

TEST(ResultJson, GivesScenarioScalarsTheirYamlType) {
  const auto scenario = Json::parse(result_json(sample_result()))["scenario"];
  EXPECT_EQ(scenario["name"], "12");  // quoted in YAML: text
  EXPECT_EQ(scenario["rate"], "4 /s");
  EXPECT_TRUE(scenario["seed"].is_number_integer());
  EXPECT_EQ(scenario["ratio"], 0.5);
  EXPECT_EQ(scenario["dry"], false);
  EXPECT_TRUE(scenario["slo"].is_null());
  EXPECT_EQ(scenario["list"], Json::parse(R"([1, "two"])"));
}

TEST(ResultJson, LeavesOutSectionsThatDoNotApply) {
  auto result = sample_result();
  result.moe.reset();
  result.network.reset();
  result.goodput.reset();
  result.time_breakdown_s.clear();
  result.tpot_s = {};
  result.decode_steps = 0;
  const auto json = Json::parse(result_json(result));
  for (const auto* key : {"moe", "network", "goodput", "time_breakdown_s", "tpot_s", "cache"})
    EXPECT_FALSE(json.contains(key)) << key;
  EXPECT_FALSE(json["steps"].contains("mean_decode_s"));
}

TEST(ResultJson, WritesTheShortestTextThatReadsBackExactly) {
  auto result = sample_result();
  for (const double value : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 9007199254740993.0}) {
    result.simulated_s = value;
    EXPECT_EQ(Json::parse(result_json(result))["simulated_s"].get<double>(), value);
  }
  result.simulated_s = 0.3;
  EXPECT_NE(result_json(result).find("\"simulated_s\": 0.3,"), std::string::npos);
}

TEST(ResultJson, IsTheSameBytesForTheSameResult) {
  EXPECT_EQ(result_json(sample_result()), result_json(sample_result()));
  auto other = sample_result();
  other.ttft_s.p99 = std::nextafter(other.ttft_s.p99, 1.0);
  EXPECT_NE(result_json(sample_result()), result_json(other));
}

TEST(ResultJson, KeepsAnyTextOfTheScenario) {
  auto result = sample_result();
  result.scenario.set("note", Node::scalar("a \"b\" \\ \n <é> \x01", true));
  EXPECT_EQ(Json::parse(result_json(result))["scenario"]["note"], "a \"b\" \\ \n <é> \x01");
}

TEST(ResultJson, RefusesAFigureThatIsNotANumber) {
  auto result = sample_result();
  result.ttft_s.p50 = std::numeric_limits<double>::quiet_NaN();
  try {
    result_json(result);
    FAIL() << "a NaN was written";
  } catch (const SimulationError& error) {
    EXPECT_STREQ(error.what(), "result key 'ttft_s.p50' is nan, not a number");
  }
}

TEST(VllmJson, UsesTheKeyNamesAndMillisecondsOfVllm) {
  const auto json = Json::parse(vllm_json(sample_result()));
  EXPECT_EQ(json["duration"], 2);
  EXPECT_EQ(json["completed"], 2);
  EXPECT_EQ(json["total_input_tokens"], 300);
  EXPECT_EQ(json["total_output_tokens"], 12);
  EXPECT_EQ(json["request_throughput"], 1);
  EXPECT_EQ(json["request_goodput"], 0.5);
  EXPECT_EQ(json["output_throughput"], 6);
  EXPECT_EQ(json["total_token_throughput"], 156);
  EXPECT_DOUBLE_EQ(json["mean_ttft_ms"], 200);
  EXPECT_DOUBLE_EQ(json["median_ttft_ms"], 200);
  EXPECT_DOUBLE_EQ(json["p99_ttft_ms"], 298);
  EXPECT_DOUBLE_EQ(json["std_ttft_ms"], 100);  // of 100 ms and 300 ms
  EXPECT_DOUBLE_EQ(json["std_tpot_ms"], 0);    // one request has a TPOT
  EXPECT_DOUBLE_EQ(json["mean_itl_ms"], 20);
  EXPECT_DOUBLE_EQ(json["mean_e2el_ms"], 300);
  EXPECT_FALSE(json.contains("std_itl_ms"));
  EXPECT_EQ(json["input_lens"], Json::parse("[100, 200]"));
  EXPECT_EQ(json["ttfts"], Json::parse("[0.1, 0.3]"));
}

TEST(VllmJson, HasNoGoodputWithoutAnSlo) {
  auto result = sample_result();
  result.goodput.reset();
  EXPECT_TRUE(Json::parse(vllm_json(result))["request_goodput"].is_null());
}

}  // namespace
}  // namespace moesim
