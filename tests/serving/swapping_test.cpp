// Keys and values of preempted requests that go to host memory and come back (beside experts on the
// same link: tests/cache/expert_memory_test.cpp).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/serving/serving.hpp"
#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

// KV memory for some 9,000 tokens; 24 requests grow to 1,024 each.
std::string dense(const std::string& engine) {
  return fmt::format(R"(
model: {{name: llama-3.1-8b}}
cluster: {{node: {{profile: hgx-h100, gpus: 1}}}}
cost: spec
workload: {{requests: 24, arrivals: at-once, lengths: {{type: fixed, input: 256, output: 768}}}}
engine: {{memory: {{utilization: 0.25}}{}}}
)",
                     engine);
}

class Nobody final : public RunObserver {
 public:
  void on_step(const StepEvent&) override {}
  void on_token_gap(Seconds) override {}
  void on_finished(const Request&) override {}
  void on_failed(const Request&) override {}
};

TEST(Swapping, EverythingThatLeavesComesBack) {
  const auto document = parse_yaml(dense(", swap_bandwidth: 25 GB/s"), "test.yaml");
  Serving serving(read_serving_scenario(document), places_of(document));
  Nobody observer;
  serving.run(observer);
  EXPECT_GT(serving.preemptions(), 0);
  EXPECT_GT(serving.swapped().out.value, 0);
  EXPECT_DOUBLE_EQ(serving.swapped().in.value, serving.swapped().out.value);
}

TEST(Swapping, ReplacesComputationByCopies) {
  const auto results = test::run_scenarios(
      {dense(""), dense(", swap_bandwidth: 1 TB/s"), dense(", swap_bandwidth: 1 GB/s")});
  for (const auto& result : results) {
    EXPECT_EQ(result.completed, 24);
    EXPECT_GT(result.preemptions, 0);
  }
  EXPECT_DOUBLE_EQ(test::phase_s(results[0], "host"), 0);
  EXPECT_GT(test::phase_s(results[1], "host"), 0);
  EXPECT_LT(results[1].simulated_s, results[0].simulated_s);
  EXPECT_GT(results[2].simulated_s, results[1].simulated_s);
}

// Over the link that experts come over, too: what came over it beside them is what was swapped in.
TEST(Swapping, SharesTheLinkWithExpertsByteByByte) {
  const auto document = parse_yaml(R"(
model: {name: mixtral-8x7b}
cluster: {node: {profile: rtx-pro-6000-pcie, gpus: 1}}
cost: spec
routing: {source: {type: sticky}, pool_tokens: 1024}
cache: {slots_per_layer: 6, staging: 2, tiers: [{name: host, capacity: 128 GiB, bandwidth: 25 GB/s}]}
workload: {requests: 24, arrivals: at-once, lengths: {type: fixed, input: 2048, output: 512}}
engine: {max_sequences: 24, memory: {utilization: 0.88}, swap_bandwidth: 25 GB/s}
)",
                                   "test.yaml");
  Serving serving(read_serving_scenario(document), places_of(document));
  Nobody observer;
  serving.run(observer);
  EXPECT_GT(serving.swapped().in.value, 0);
  const auto& counts = *serving.expert_memory();
  EXPECT_DOUBLE_EQ(counts.other_bytes.value, serving.swapped().in.value);
  EXPECT_GT(counts.bytes_loaded.value, 0);
  EXPECT_NEAR(counts.link_bytes[0].value / counts.bytes_loaded.value, 1, 1e-9);
}

TEST(Swapping, TakesTheSameTimeWhateverTheExecutor) {
  const auto scenario = [](const std::string& executor) {
    return "{model: {name: qwen3-30b-a3b}, cluster: {node: {profile: rtx-pro-6000-pcie, gpus: 1}}, "
           "cost: spec, workload: {requests: 40, arrivals: at-once, lengths: {type: fixed, input: "
           "2048, output: 512}}, engine: {max_sequences: 40, memory: {utilization: 0.72}, "
           "swap_bandwidth: 5 GB/s, executor: " +
           executor + "}}";
  };
  const auto runs = test::run_scenarios({scenario("lockstep"), scenario("event")});
  EXPECT_GT(test::phase_s(runs[0], "host"), 0.3);
  EXPECT_NEAR(runs[1].simulated_s, runs[0].simulated_s, 1e-6 * runs[0].simulated_s);
}

}  // namespace
}  // namespace moesim
