// The two executors against each other: sums of slowest ranks, and every rank with its queues.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/core/random.hpp"
#include "sim/engine/step_program.hpp"
#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

using test::run_scenarios;

std::vector<Result> both(const std::string& scenario) {
  return run_scenarios(
      {scenario + ", engine: {executor: lockstep}}", scenario + ", engine: {executor: event}}"});
}

void expect_agreement(const std::vector<Result>& results, double tolerance) {
  const auto &lockstep = results[0], &event = results[1];
  EXPECT_EQ(event.completed, lockstep.completed);
  EXPECT_EQ(event.output_tokens, lockstep.output_tokens);
  const auto near = [&](double a, double b, const char* what) {
    EXPECT_NEAR(a, b, tolerance * b) << what;
  };
  near(event.simulated_s, lockstep.simulated_s, "simulated time");
  near(event.mean_decode_s, lockstep.mean_decode_s, "decode step");
  near(event.ttft_s.mean, lockstep.ttft_s.mean, "TTFT");
  near(event.tpot_s.mean, lockstep.tpot_s.mean, "TPOT");
}

// Models, degrees, routing and lengths drawn at random; one group, so nothing contends with it.
TEST(Executors, AgreeWithinOnePercentWithoutContention) {
  struct Degrees {
    int tensor, data, expert, pipeline, nodes;
  };
  const Degrees degrees[] = {{1, 1, 1, 1, 1}, {4, 1, 1, 1, 1}, {4, 1, 4, 1, 1},
                             {1, 4, 4, 1, 1}, {2, 2, 4, 1, 1}, {2, 4, 8, 1, 1},
                             {1, 8, 8, 1, 1}, {2, 1, 2, 2, 1}, {4, 4, 16, 1, 2}};
  const char* models[] = {"qwen3-30b-a3b", "mixtral-8x7b"};
  const char* sources[] = {"balanced", "uniform", "{type: sampled, sigma: 1}"};
  const char* dispatches[] = {"all-to-all", "node-dedup", "allgather-reducescatter"};
  const RandomStream random(7, stream_id("executors"));
  std::uint64_t draw = 0;
  const auto pick = [&](std::uint64_t n) { return random.below(draw++, n); };
  for (const auto& d : degrees) {
    const auto scenario = fmt::format(
        "{{model: {{name: {}}}, cluster: {{node: hgx-h100, nodes: {}}}, parallel: {{tensor: {}, "
        "data: {}, expert: {}, pipeline: {}}}, routing: {{source: {}}}, network: {{dispatch: {}}}, "
        "workload: {{requests: {}, arrivals: at-once, lengths: {{type: fixed, input: {}, output: "
        "{}}}}}",
        models[d.expert <= 8 ? pick(2) : 0], d.nodes, d.tensor, d.data, d.expert, d.pipeline,
        sources[pick(3)], dispatches[pick(3)], 3 + pick(6), 50 + pick(400), 2 + pick(4));
    SCOPED_TRACE(scenario);
    expect_agreement(both(scenario), 0.01);
  }
}

TEST(Executors, AgreeWhereDataRanksSplitExperts) {
  expect_agreement(
      both(
          "{model: {name: mixtral-8x7b}, cluster: {node: hgx-h100}, parallel: {tensor: 2, data: 4, "
          "expert: 2, moe_tensor: 2}, network: {dispatch: allgather-reducescatter}, workload: "
          "{requests: 9, arrivals: at-once, lengths: {type: fixed, input: 200, output: 5}}"),
      0.01);
}

// Three GPUs and one NIC per node, replicas of four GPUs: neighbours meet on a NIC, and both
// executors give SimGrid the same bytes.
TEST(Executors, AgreeUnderContentionWithinTheToleranceOfAggregate) {
  const auto scenario = [](const char* fidelity) {
    return fmt::format(
        "{{model: {{name: llama-3.1-8b}}, cluster: {{nodes: 4, node: {{profile: hgx-h100, gpus: 3, "
        "nics: 1}}}}, parallel: {{tensor: 4, data: 3}}, network: {{fidelity: {}}}, workload: "
        "{{requests: 3, arrivals: at-once, lengths: {{type: fixed, input: 8000, output: 2}}}}",
        fidelity);
  };
  const auto contending = both(scenario("aggregate"));
  expect_agreement(contending, 0.05);
  EXPECT_GT(contending[1].simulated_s, 1.05 * both(scenario("analytic"))[1].simulated_s);
}

TEST(Executors, AgreeOnExpertsThatAreCopiedIn) {
  expect_agreement(
      both("{model: {name: mixtral-8x7b}, cluster: {node: hgx-h100}, cache: {slots_per_layer: 4, "
           "tiers: [{name: host, capacity: 256 GiB, bandwidth: 25 GB/s, latency: 20 us}]}, "
           "workload: {requests: 2, arrivals: at-once, lengths: {type: fixed, input: 16, output: "
           "8}}"),
      0.01);
}

// Ranks with caches of their own, experts in parts, links shared inside a group and between groups.
TEST(Executors, AgreeOnExpertsThatRanksCopyInForThemselves) {
  const auto scenario = [](const char* degrees, const char* links) {
    return fmt::format(
        "{{model: {{name: mixtral-8x7b}}, cluster: {{node: hgx-h100}}, parallel: {{{}}}, cache: "
        "{{slots_per_layer: 1, staging: 2, {} tiers: [{{name: host, capacity: 256 GiB, bandwidth: "
        "25 GB/s, latency: 20 us}}]}}, workload: {{requests: 4, arrivals: at-once, lengths: "
        "{{type: "
        "fixed, input: 16, output: 8}}}}",
        degrees, links);
  };
  for (const auto* degrees : {"tensor: 1, data: 4, expert: 4", "tensor: 4, expert: 4", "tensor: 4",
                              "tensor: 4, expert: 2", "tensor: 2, data: 2, expert: 4"})
    for (const auto* links : {"", "gpus_per_link: 2,"}) {
      SCOPED_TRACE(std::string(degrees) + links);
      expect_agreement(both(scenario(degrees, links)), 0.01);
    }
  // Four groups of two ranks, four GPUs behind every switch.
  expect_agreement(both(scenario("tensor: 2, data: 4, expert: 2", "gpus_per_link: 4,")), 0.05);
}

Activity own(int first, std::vector<double> seconds, Queue queue = Queue::compute) {
  Activity activity{
      Phase::attention, 0, queue, first, static_cast<int>(seconds.size()), {}, {}, {}, {}};
  for (const double s : seconds) activity.own.emplace_back(s);
  return activity;
}

Activity joint(int first, int ranks, double start_up, double alone) {
  return {Phase::all_reduce, 0, Queue::communication, first, ranks, {}, Seconds(start_up),
          Seconds(alone),    {}};
}

// Pairs of ranks wait for each other only: max over pairs of sums of slowest, not sum of slowest.
TEST(StepProgram, LetsGroupsRunAheadOfEachOther) {
  Simulation simulation;
  const StepProgram program{4,
                            {own(0, {1, 2, 5, 1}), joint(0, 2, 0.5, 1), joint(2, 2, 0.5, 1),
                             own(0, {5, 5, 1, 2}), joint(0, 4, 0, 1)}};
  Seconds end;
  simulation.spawn("engine", [&] {
    run_program({simulation}, program);
    end = simulation.now();
  });
  simulation.run();
  EXPECT_NEAR(end.value, 2 + 1.5 + 5 + 1, 1e-9);  // lockstep: 5 + 1.5 + 5 + 1
}

TEST(StepProgram, OfNoRankEndsAtOnce) {
  Simulation simulation;
  bool ended = false;
  simulation.spawn("engine", [&] {
    run_program({simulation}, {});
    ended = true;
  });
  simulation.run();
  EXPECT_TRUE(ended);
}

TEST(StepProgram, WorksOffCopiesInTheirPlace) {
  Simulation simulation;
  const StepProgram program{1, {own(0, {1}), own(0, {2}, Queue::copy), own(0, {3})}};
  Seconds end;
  simulation.spawn("engine", [&] {
    run_program({simulation}, program);
    end = simulation.now();
  });
  simulation.run();
  EXPECT_NEAR(end.value, 6, 1e-9);
}

}  // namespace
}  // namespace moesim
