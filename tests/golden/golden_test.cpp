// Approval of a whole result: any change of a byte shows. The same file is compared in Release and
// in the sanitizer build, which holds both to the same bytes. MOESIM_UPDATE_GOLDEN=1 rewrites it;
// say in the commit why it changed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>

#include "sim/core/text_file.hpp"
#include "sim/report/result_json.hpp"
#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

const char* const kScenario = R"(
title: golden
seed: 7
model: {name: deepseek-v2-lite}
cluster: {nodes: 2, node: {profile: hgx-h100, gpus: 4}}
parallel: {tensor: 2, data: 4, expert: 8}
workload: {requests: 40, arrivals: {type: gamma, rate: 60 /s, burstiness: 0.5}, lengths: {type: empirical, profile: azure-2023-conversation}}
routing: {redundant_experts: 8}
engine: {max_batched_tokens: 1024, host_time: 100 us}
network: {dispatch: node-dedup}
slo: {ttft: 200 ms}
)";

std::string run_to_json() {
  auto result = test::run_scenario(kScenario);
  result.wall_s = 0;
  result.peak_rss_bytes = 0;
  return std::regex_replace(result_json(result), std::regex(R"("moesim_version": *"[^"]*")"),
                            R"("moesim_version": "")");
}

TEST(Golden, TheResultIsTheSameToTheByteInEveryBuild) {
  const std::string path = MOESIM_SOURCE_DIR "/tests/golden/result.json";
  const auto json = run_to_json();
  if (std::getenv("MOESIM_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << json;
  EXPECT_EQ(json, read_text_file(path));
}

TEST(Golden, TheSameSeedGivesTheSameBytesAndAnotherSeedDoesNot) {
  const std::string other = std::regex_replace(kScenario, std::regex("seed: 7"), "seed: 8");
  auto results = test::run_scenarios({kScenario, kScenario, other});
  for (auto& result : results) result.wall_s = 0, result.peak_rss_bytes = 0;
  EXPECT_EQ(result_json(results[0]), result_json(results[1]));
  EXPECT_NE(results[0].e2e_s.mean, results[2].e2e_s.mean);
  EXPECT_NE(results[0].moe->imbalance_max, results[2].moe->imbalance_max);
}

}  // namespace
}  // namespace moesim
