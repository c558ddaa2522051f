// Runs whose outcome is known in closed form.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

using test::run_scenario;
using test::run_scenarios;

double sum_of_phases(const Result& result) {
  double sum = 0;
  for (const auto& [name, seconds] : result.time_breakdown_s) sum += seconds;
  return sum;
}

TEST(LoneRequest, TakesTheSumOfItsPhases) {
  const auto results = run_scenarios({
      R"({model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100}, parallel: {tensor: 2, expert: 2},
          workload: {requests: 1, arrivals: at-once, lengths: {type: fixed, input: 1000, output: 50}},
          engine: {host_time: 200 us}})",
      R"({model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100}, parallel: {data: 4, expert: 4, pipeline: 2},
          workload: {requests: 1, arrivals: at-once, lengths: {type: fixed, input: 1000, output: 50}}})",
  });
  for (const auto& result : results) {
    EXPECT_NEAR(result.e2e_s.mean, sum_of_phases(result),
                50 * 1e-9);  // SimGrid rounds times to 1 ns
    EXPECT_EQ(result.simulated_s, result.e2e_s.mean);
    EXPECT_EQ(result.prefill_steps, 1);
    EXPECT_EQ(result.decode_steps, 49);
    EXPECT_EQ(result.queue_s.max, 0);
  }
  EXPECT_NEAR(test::phase_s(results[0], "host"), 50 * 200e-6, 1e-12);
}

TEST(LoneRequest, ItsChunksAddUpToItsPrompt) {
  const auto result = run_scenario(R"({model: {name: llama-3.1-8b}, cluster: {node: hgx-h100},
      workload: {requests: 1, arrivals: at-once, lengths: {type: fixed, input: 1000, output: 1}},
      engine: {max_batched_tokens: 256}})");
  EXPECT_EQ(result.prefill_steps, 4);
  std::int64_t tokens = 0;
  for (const auto& step : result.steps) tokens += step.prefill_tokens;
  EXPECT_EQ(tokens, 1000);
}

TEST(ClosedLoop, ObeysLittlesLaw) {
  // N = X R: in a saturated closed loop the number in the system is the concurrency, but for the
  // last ones draining.
  const auto result = run_scenario(R"({model: {name: llama-3.1-8b}, cluster: {node: hgx-h100},
      workload: {requests: 4000, arrivals: {type: closed-loop, concurrency: 32},
                 lengths: {type: uniform, input_min: 10, input_max: 300, output_min: 10, output_max: 60}}})");
  const double in_system = result.requests_per_s * result.e2e_s.mean;
  EXPECT_LE(in_system, 32 + 1e-9);
  EXPECT_GE(in_system, 32 * 0.985);
  for (const auto& step : result.steps) EXPECT_LE(step.running + step.waiting, 32);
}

// One request at a time, all alike: service is deterministic, arrivals are Poisson. Mean wait of an
// M/D/1 queue: rho D / (2 (1 - rho)) (Pollaczek-Khinchine).
TEST(PoissonArrivals, WaitAsInAnMD1Queue) {
  const auto scenario = [](std::int64_t requests, double rate) {
    return fmt::format(R"({{model: {{name: llama-3.1-8b}}, cluster: {{node: hgx-h100}},
        workload: {{requests: {}, arrivals: {{type: poisson, rate: {} /s}},
                    lengths: {{type: fixed, input: 500, output: 1}}}},
        engine: {{max_sequences: 1, scheduler: {{type: vllm-v1, chunked_prefill: false}}}}}})",
                       requests, rate);
  };
  const auto lone =
      run_scenarios({scenario(1, 1.0), scenario(1, 1.0)}).front();  // in a process of its own
  const double service = lone.ttft_s.mean;
  std::vector<std::string> loads;
  const std::vector<double> rhos = {0.3, 0.6, 0.8};
  for (const double rho : rhos) loads.push_back(scenario(200000, rho / service));
  const auto results = run_scenarios(loads);
  for (std::size_t i = 0; i < rhos.size(); ++i) {
    const double expected = rhos[i] * service / (2 * (1 - rhos[i]));
    EXPECT_NEAR(results[i].queue_s.mean / expected, 1, 0.03) << "rho " << rhos[i];
    EXPECT_NEAR(results[i].ttft_s.mean - results[i].queue_s.mean, service, 1e-9);
  }
}

TEST(Pipeline, OverlapsStepsButNotTheStagesOfOne) {
  const auto scenario = [](int pipeline, int concurrency) {
    return fmt::format(R"({{model: {{name: llama-3.1-70b}}, cluster: {{node: hgx-h100}},
        parallel: {{tensor: 4, pipeline: {}}},
        workload: {{requests: {}, arrivals: {{type: closed-loop, concurrency: {}}},
                    lengths: {{type: fixed, input: 2000, output: 2}}}}}})",
                       pipeline, 4 * concurrency, concurrency);
  };
  const auto results =
      run_scenarios({scenario(1, 1), scenario(2, 1), scenario(2, 64), scenario(1, 64)});
  // Alone: the same work plus the hand-over between stages.
  EXPECT_NEAR(results[1].e2e_s.mean,
              results[0].e2e_s.mean + test::phase_s(results[1], "pipeline") / 4,
              1e-3 * results[0].e2e_s.mean);
  EXPECT_GT(results[1].e2e_s.mean, results[0].e2e_s.mean);
  // Many: two stages work at the same time on twice the GPUs (prompts, which are bound by compute).
  EXPECT_GT(results[2].output_tokens_per_s, 1.5 * results[3].output_tokens_per_s);
  EXPECT_LE(results[2].output_tokens_per_s, 2.0 * results[3].output_tokens_per_s);
}

}  // namespace
}  // namespace moesim
