// Two-batch overlap: the schedule of two chains on two queues by hand, both executors against each
// other, bounds that no overlap beats, and what splitting costs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/core/error.hpp"
#include "sim/engine/step_program.hpp"
#include "sim/serving/serving.hpp"
#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

using test::phase_s;
using test::refusal_of;
using test::run_scenario;
using test::run_scenarios;

Activity alone(int half, int stretch, double seconds) {
  Activity activity{Phase::attention, 0, Queue::compute, 0, 1, {Seconds(seconds)}, {}, {}, {}};
  activity.half = half, activity.stretch = stretch;
  return activity;
}

Activity together(int half, int stretch, double seconds) {
  Activity activity{Phase::dispatch, 0, Queue::communication, 0, 1, {}, {}, Seconds(seconds), {}};
  activity.half = half, activity.stretch = stretch;
  return activity;
}

double time_of(const StepProgram& program) {
  Simulation simulation;
  Seconds end;
  simulation.spawn("engine", [&] {
    run_program({simulation}, program);
    end = simulation.now();
  });
  simulation.run();
  return end.value;
}

// computation  A0 0-2  B0 2-4  A2 5-7  B2 8-10, communication  A1 2-5  B1 5-8.
TEST(TwoBatches, OneHalfComputesWhileTheOtherCommunicates) {
  std::vector<Activity> activities;
  for (const int half : {0, 1})
    for (const auto& next : {alone(half, 0, 2), together(half, 1, 3), alone(half, 2, 2)})
      activities.push_back(next);
  EXPECT_NEAR(time_of({1, activities}), 10, 1e-9);
}

// A stretch of several kernels is not torn apart by the other half's.
TEST(TwoBatches, AStretchRunsWithoutABreak) {
  EXPECT_NEAR(time_of({1,
                       {alone(0, 0, 1), alone(0, 0, 1), together(0, 1, 2), alone(1, 0, 1),
                        alone(1, 0, 1), together(1, 1, 2)}}),
              6, 1e-9);
}

std::string prefill(const std::string& engine, const std::string& more = "") {
  return fmt::format(
      "{{model: {{name: deepseek-v3}}, cluster: {{node: hgx-h200, nodes: 2}}, parallel: {{data: "
      "16, "
      "expert: 16}}, network: {{dispatch: node-dedup}}, workload: {{requests: 32, arrivals: "
      "at-once, lengths: {{type: fixed, input: 2048, output: 1}}}}, engine: {{max_batched_tokens: "
      "4096{}}}{}}}",
      engine, more);
}

const char* const kOverlap = ", two_batch_overlap: {}";

TEST(TwoBatches, LastAtLeastAsLongAsComputationAndAsCommunication) {
  const auto results = run_scenarios({prefill("", ", routing: {source: balanced}"),
                                      prefill(kOverlap, ", routing: {source: balanced}")});
  const auto &whole = results[0], &halves = results[1];
  const double communication = phase_s(whole, "dispatch") + phase_s(whole, "combine");
  const double computation = whole.simulated_s - communication;
  // Kernels are hardly faster per token on fewer tokens (measured corrections wander by 2 %).
  EXPECT_GE(halves.simulated_s, 0.97 * std::max(communication, computation));
  EXPECT_LT(halves.simulated_s, 0.9 * whole.simulated_s);
  EXPECT_LT(halves.moe->exposed_comm_fraction, 0.5 * whole.moe->exposed_comm_fraction);
  EXPECT_NEAR(halves.network->bytes / whole.network->bytes, 1, 1e-3);
  double sum = 0;
  for (const auto& [phase, seconds] : halves.time_breakdown_s) sum += seconds;
  EXPECT_NEAR(sum, halves.simulated_s, 1e-6);
}

TEST(TwoBatches, SlowDownByTheSmsThatCommunicate) {
  const auto sms = [](int n) {
    return prefill(fmt::format(", two_batch_overlap: {{communication_sms: {}}}", n));
  };
  const auto results = run_scenarios({sms(0), sms(20), sms(66)});
  EXPECT_GT(results[1].simulated_s, results[0].simulated_s);
  EXPECT_LE(results[1].simulated_s, results[0].simulated_s * 132 / 112);
  EXPECT_NEAR(phase_s(results[2], "attention") / phase_s(results[0], "attention"), 2, 1e-9);
  EXPECT_NEAR(phase_s(results[2], "experts") / phase_s(results[0], "experts"), 2, 1e-9);
}

// The ranks wait for each other at every collective; only what they do not share (a rank that is
// early with one half begins the other) is different, so the sums of slowest ranks are a little
// longer.
TEST(TwoBatches, ExecutorsAgreeWithinThreePercent) {
  struct Case {
    const char* source;
    int input, output;
    const char* more;
  };
  const Case cases[] = {{"balanced", 1024, 3, ""},
                        {"{type: sampled, sigma: 1}", 1024, 3, ""},
                        {"uniform", 300, 12, ", communication_sms: 20"}};
  for (const auto& c : cases) {
    const auto with = [&](const char* executor) {
      return fmt::format(
          "{{model: {{name: qwen3-30b-a3b}}, cluster: {{node: hgx-h100, nodes: 2}}, parallel: "
          "{{data: 16, expert: 16}}, routing: {{source: {}}}, network: {{dispatch: node-dedup}}, "
          "workload: {{requests: 160, arrivals: at-once, lengths: {{type: fixed, input: {}, "
          "output: "
          "{}}}}}, engine: {{executor: {}, two_batch_overlap: {{{}}}}}}}",
          c.source, c.input, c.output, executor, *c.more ? c.more + 2 : "");
    };
    const auto results = run_scenarios({with("lockstep"), with("event")});
    EXPECT_NEAR(results[1].simulated_s / results[0].simulated_s, 1, 0.03) << c.source;
    EXPECT_NEAR(results[1].ttft_s.mean / results[0].ttft_s.mean, 1, 0.03) << c.source;
    EXPECT_NEAR(results[1].tpot_s.mean / results[0].tpot_s.mean, 1, 0.03) << c.source;
  }
}

TEST(TwoBatches, ALoneTokenIsNotSplit) {
  const auto one = [](const char* engine) {
    return fmt::format(
        "{{model: {{name: qwen3-30b-a3b}}, cluster: {{node: hgx-h100}}, parallel: {{data: 8, "
        "expert: "
        "8}}, workload: {{requests: 1, arrivals: at-once, lengths: {{type: fixed, input: 1, "
        "output: "
        "20}}}}, engine: {{{}}}}}",
        engine);
  };
  const auto results = run_scenarios({one("profile: ''"), one("two_batch_overlap: {}")});
  EXPECT_EQ(results[0].simulated_s, results[1].simulated_s);
  EXPECT_EQ(results[0].tpot_s.mean, results[1].tpot_s.mean);
}

// Without communication there is nothing to hide, and weights are read twice.
TEST(TwoBatches, CostTimeWhereNothingCommunicates) {
  const auto on_one = [](const char* engine) {
    return fmt::format(
        "{{model: {{name: qwen3-30b-a3b}}, cluster: {{node: hgx-h200}}, workload: {{requests: 64, "
        "arrivals: at-once, lengths: {{type: fixed, input: 64, output: 50}}}}, engine: {{{}}}}}",
        engine);
  };
  const auto results = run_scenarios({on_one("profile: ''"), on_one("two_batch_overlap: {}")});
  EXPECT_GT(results[1].tpot_s.mean, 1.2 * results[0].tpot_s.mean);
}

// Two groups that meet on the NICs: transfers of halves contend, and cost at most what they cost
// when nothing hides them.
TEST(TwoBatches, ContendOnLinksThatGroupsShare) {
  const auto with = [](const char* fidelity) {
    return fmt::format(
        "{{model: {{name: qwen3-30b-a3b}}, cluster: {{nodes: 4, node: {{profile: hgx-h100, gpus: "
        "3, "
        "nics: 1}}}}, parallel: {{data: 12, expert: 4}}, network: {{fidelity: {}}}, workload: "
        "{{requests: 24, arrivals: at-once, lengths: {{type: fixed, input: 2000, output: 2}}}}, "
        "engine: {{two_batch_overlap: {{}}}}}}",
        fidelity);
  };
  const auto results = run_scenarios({with("analytic"), with("aggregate")});
  EXPECT_GE(results[1].simulated_s, 0.9999 * results[0].simulated_s);
  EXPECT_LT(results[1].simulated_s, 3 * results[0].simulated_s);
}

TEST(TwoBatches, RefuseMoreSmsThanThereAreAndExpertCaches) {
  EXPECT_NE(refusal_of(prefill(", two_batch_overlap: {communication_sms: 132}"))
                .find("leave none of the 132 SMs"),
            std::string::npos);
  EXPECT_NE(refusal_of("{model: {name: mixtral-8x7b}, cluster: {node: hgx-h100}, cache: "
                       "{slots_per_layer: 4, tiers: [{name: host, capacity: 256 GiB, bandwidth: 25 "
                       "GB/s}]}, workload: {requests: 2, arrivals: at-once, lengths: {type: fixed, "
                       "input: 16, output: 8}}, engine: {two_batch_overlap: {}}}")
                .find("beside an expert cache"),
            std::string::npos);
}

}  // namespace
}  // namespace moesim
