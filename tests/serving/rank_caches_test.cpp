// Expert caches of the ranks of a deployment: whose links they load, and what is refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

using test::refusal_of;
using test::run_scenarios;

std::string mixtral(const std::string& parallel, const std::string& cache,
                    const std::string& more = "") {
  return fmt::format(
      "{{model: {{name: mixtral-8x7b}}, cluster: {{node: {{profile: a6000-pcie, gpus: 8}}}}, cost: "
      "spec, parallel: {{{}}}, routing: {{source: {{type: sticky, reuse: 0.365, sigma: 0.3}}, "
      "pool_tokens: 1024}}, cache: {{{}, tiers: [{{name: host, capacity: 128 GiB, bandwidth: 25 "
      "GB/s, latency: 20 us}}]}}, workload: {{requests: 8, arrivals: at-once, lengths: {{type: "
      "fixed, input: 8, output: 16}}}}{}}}",
      parallel, cache, more);
}

TEST(RankCaches, GpusBehindOneSwitchMoveTheSameBytesInMoreTime) {
  const auto runs = run_scenarios(
      {mixtral("data: 4, expert: 4", "slots_per_layer: 1, staging: 1"),
       mixtral("data: 4, expert: 4", "slots_per_layer: 1, staging: 1, gpus_per_link: 2"),
       mixtral("data: 4, expert: 4", "slots_per_layer: 1, staging: 1, gpus_per_link: 4")});
  ASSERT_TRUE(runs[0].cache);
  EXPECT_GT(runs[0].cache->bytes_loaded, 0);
  for (std::size_t i = 1; i < runs.size(); ++i) {
    EXPECT_DOUBLE_EQ(runs[i].cache->bytes_loaded, runs[0].cache->bytes_loaded);
    EXPECT_EQ(runs[i].cache->misses, runs[0].cache->misses);
    EXPECT_GT(runs[i].simulated_s, 1.2 * runs[i - 1].simulated_s);
    EXPECT_LT(runs[i].simulated_s, 2 * runs[i - 1].simulated_s);
  }
  // No link carries more than it can.
  EXPECT_GE(runs[2].simulated_s, runs[2].cache->bytes_loaded / 25e9);
}

// The disk is one, the memory has a limit of its own, whatever links the GPUs have.
TEST(RankCaches, GpusOfANodeShareItsTiers) {
  const auto with = [](const char* tiers) {
    auto yaml = mixtral("tensor: 4, expert: 4", "slots_per_layer: 1, staging: 1");
    const auto at = yaml.find("[{name: host");
    return yaml.replace(at, yaml.find(']', at) + 1 - at, tiers);
  };
  const auto runs = run_scenarios(
      {with("[{name: host, capacity: 128 GiB, bandwidth: 25 GB/s}]"),
       with("[{name: host, capacity: 128 GiB, bandwidth: 25 GB/s, total_bandwidth: 100 GB/s}]"),
       with("[{name: host, capacity: 128 GiB, bandwidth: 25 GB/s, total_bandwidth: 30 GB/s}]"),
       with("[{name: host, capacity: 1 GiB, bandwidth: 25 GB/s}, {name: nvme, capacity: 1 TB, "
            "bandwidth: 6 GB/s}]")});
  EXPECT_DOUBLE_EQ(runs[1].simulated_s, runs[0].simulated_s);
  EXPECT_GT(runs[2].simulated_s, 1.1 * runs[0].simulated_s);
  EXPECT_DOUBLE_EQ(runs[2].cache->bytes_loaded, runs[0].cache->bytes_loaded);
  EXPECT_GE(runs[2].simulated_s, runs[2].cache->bytes_loaded / 30e9);
  EXPECT_GE(runs[3].simulated_s, runs[3].cache->bytes_loaded / 6e9);
}

TEST(RankCaches, AnExpertInPartsComesOverAllLinksAtATime) {
  const auto runs =
      run_scenarios({mixtral("tensor: 1", "slots_per_layer: 2, staging: 2"),
                     mixtral("tensor: 4, expert: 1", "slots_per_layer: 2, staging: 2"),
                     mixtral("tensor: 4, expert: 1",
                             "slots_per_layer: 2, staging: 2, "
                             "gpus_per_link: 4")});
  EXPECT_NEAR(runs[1].cache->bytes_loaded / runs[0].cache->bytes_loaded, 1, 1e-9);
  EXPECT_EQ(runs[1].cache->misses, runs[0].cache->misses);
  EXPECT_NEAR(runs[1].cache->stall_s / runs[0].cache->stall_s, 0.25, 0.01);
  EXPECT_NEAR(runs[2].cache->stall_s / runs[0].cache->stall_s, 1, 0.01);
}

TEST(RankCaches, WithRoomForAllExpertsOfARankNothingIsCopied) {
  const auto result =
      run_scenarios({mixtral("data: 8, expert: 8", "slots_per_layer: 1, preload: popular")})
          .front();
  EXPECT_EQ(result.cache->misses + result.cache->late, 0);
  EXPECT_EQ(result.cache->bytes_loaded, 0);
  EXPECT_EQ(result.cache->stall_s, 0);
  EXPECT_EQ(test::phase_s(result, "expert_load"), 0);
}

TEST(RankCaches, RefuseWhatTheyDoNotHold) {
  const auto refused = [](const std::string& yaml, const std::string& why) {
    const auto what = refusal_of(yaml);
    EXPECT_NE(what.find(why), std::string::npos) << what;
  };
  refused(mixtral("data: 4, expert: 4", "slots_per_layer: 3"),
          "3 slots per layer, but there are only 2 experts of every GPU");
  refused(mixtral("data: 4, expert: 4", "slots_per_layer: 1"),
          "hold less than one token needs in a layer: 2 experts");
  refused(mixtral("pipeline: 2", "slots_per_layer: 4"), "pipeline must be 1");
  auto balanced = mixtral("data: 4, expert: 4", "slots_per_layer: 2");
  balanced.insert(balanced.find("pool_tokens"), "balancer: eplb, ");
  refused(balanced, "an expert cache beside a balancer");
  refused(mixtral("data: 2", "slots_per_layer: 4, gpus_per_link: 16"), "but a node has 8");
  refused(
      mixtral("data: 4, expert: 4", "slots_per_layer: 2", ", engine: {swap_bandwidth: 25 GB/s}"),
      "beside expert caches of several ranks");
}

}  // namespace
}  // namespace moesim
