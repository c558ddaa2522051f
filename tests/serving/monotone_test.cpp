// More hardware or less work is never slower.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

std::string scenario(const std::string& changes) {
  return fmt::format(R"(
model: {{name: deepseek-v2-lite}}
parallel: {{data: 8, expert: 8}}
{}
)",
                     changes);
}

const char* const kWorkload =
    "workload: {requests: 64, arrivals: {type: closed-loop, concurrency: 64}, lengths: {type: "
    "fixed, input: 600, output: 40}}\n";

TEST(Monotone, MoreBandwidthIsNeverSlower) {
  std::vector<std::string> runs;
  for (const auto& [island, nic] :
       {std::pair{100, 10}, {200, 10}, {450, 10}, {450, 25}, {450, 50}, {900, 100}})
    runs.push_back(
        scenario(fmt::format("cluster: {{nodes: 2, node: {{profile: hgx-h100, gpus: 4, "
                             "island_bandwidth: {} GB/s, nic_bandwidth: {} GB/s}}}}\n{}",
                             island, nic, kWorkload)));
  const auto results = test::run_scenarios(runs);
  for (std::size_t i = 1; i < results.size(); ++i) {
    EXPECT_LE(results[i].e2e_s.mean, results[i - 1].e2e_s.mean * (1 + 1e-12)) << i;
    EXPECT_LE(results[i].ttft_s.mean, results[i - 1].ttft_s.mean * (1 + 1e-12)) << i;
  }
  EXPECT_LT(results.back().e2e_s.mean, results.front().e2e_s.mean);
}

TEST(Monotone, MoreFlopsAreNeverSlower) {
  std::vector<std::string> runs;
  for (const double share : {0.1, 0.2, 0.4, 0.8})
    runs.push_back(
        scenario(fmt::format("cluster: {{node: hgx-h100}}\ncost: {{type: spec, gemm_compute: {0}, "
                             "expert_compute: {0}, attention_compute: {0}}}\n{1}",
                             share, kWorkload)));
  const auto results = test::run_scenarios(runs);
  for (std::size_t i = 1; i < results.size(); ++i)
    EXPECT_LT(results[i].e2e_s.mean, results[i - 1].e2e_s.mean) << i;
}

TEST(Monotone, LessLoadIsNeverSlower) {
  std::vector<std::string> runs;
  for (const int rate : {400, 200, 100, 50, 10})
    runs.push_back(scenario(fmt::format(
        "cluster: {{node: hgx-h100}}\nworkload: {{requests: 300, arrivals: {{type: constant, "
        "rate: {} /s}}, lengths: {{type: fixed, input: 600, output: 40}}}}",
        rate)));
  const auto results = test::run_scenarios(runs);
  for (std::size_t i = 1; i < results.size(); ++i)
    EXPECT_LE(results[i].e2e_s.mean, results[i - 1].e2e_s.mean) << i;
}

TEST(Monotone, SkewedRoutingIsSlowerThanBalanced) {
  std::vector<std::string> runs;
  for (const char* source :
       {"balanced", "uniform", "{type: sampled, sigma: 0.7}", "{type: sampled, sigma: 1.5}"})
    runs.push_back(scenario(
        fmt::format("cluster: {{node: hgx-h100}}\nrouting: {{source: {}}}\n"
                    "workload: {{requests: 128, arrivals: at-once, lengths: {{type: fixed, input: "
                    "1000, output: 2}}}}",
                    source)));
  const auto results = test::run_scenarios(runs);
  EXPECT_NEAR(results[0].moe->imbalance_mean, 1, 0.01);
  for (std::size_t i = 1; i < results.size(); ++i) {
    EXPECT_GT(results[i].moe->imbalance_mean, results[i - 1].moe->imbalance_mean) << i;
    // `balanced` sends every token to as many ranks as it has experts, so more tokens enter a rank.
    if (i > 1) {
      EXPECT_GT(results[i].moe->expert_s, results[i - 1].moe->expert_s) << i;
    }
  }
  EXPECT_GT(results.back().moe->expert_s, results.front().moe->expert_s);
}

}  // namespace
}  // namespace moesim
