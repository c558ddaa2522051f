// Laws that every run keeps, over configurations chosen to strain them: small memory, chunks,
// pipelines, idle ranks.
#include <gtest/gtest.h>

#include <map>

#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

struct Case {
  const char* name;
  const char* yaml;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"mixed steps, tensor parallel", R"({model: {name: mixtral-8x7b}, cluster: {node: hgx-h100},
        parallel: {tensor: 4}, workload: {requests: 200, arrivals: {type: poisson, rate: 30 /s},
        lengths: {type: log-normal, input_median: 400, input_sigma: 0.8, output_median: 60, output_sigma: 0.7}}})"},
      {"lockstep ranks, some idle", R"({model: {name: qwen3-30b-a3b}, cluster: {node: hgx-h100},
        parallel: {data: 8, expert: 8}, workload: {requests: 60, arrivals: {type: poisson, rate: 20 /s},
        lengths: {type: log-normal, input_median: 400, input_sigma: 0.8, output_median: 60, output_sigma: 0.7}}})"},
      {"little memory, preemption", R"({model: {name: llama-3.1-8b}, cluster: {node: hgx-h100},
        workload: {requests: 150, arrivals: at-once, lengths: {type: fixed, input: 300, output: 400}},
        engine: {memory: {utilization: 0.32, reserve: 9.5 GB}, max_batched_tokens: 512}})"},
      {"pipeline of four, chunks", R"({model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100},
        parallel: {pipeline: 4, data: 2}, workload: {requests: 120, arrivals: {type: gamma, rate: 200 /s, burstiness: 0.3},
        lengths: {type: uniform, input_min: 1, input_max: 900, output_min: 1, output_max: 50}},
        engine: {max_batched_tokens: 128, max_sequences: 8}})"},
      {"pipeline and preemption", R"({model: {name: llama-3.1-8b}, cluster: {node: hgx-h100},
        parallel: {pipeline: 2}, workload: {requests: 80, arrivals: at-once, lengths: {type: fixed, input: 200, output: 300}},
        engine: {memory: {utilization: 0.2, reserve: 7.6 GB}}})"},
      {"sliding windows", R"({model: {name: gpt-oss-20b}, cluster: {node: hgx-h100},
        workload: {requests: 100, arrivals: {type: constant, rate: 50 /s}, lengths: {type: fixed, input: 1000, output: 100}}})"},
      {"two nodes, node-limited routing",
       R"({model: {name: deepseek-v3}, cluster: {node: hgx-h200, nodes: 2},
        parallel: {data: 16, expert: 16}, workload: {requests: 100, arrivals: {type: poisson, rate: 40 /s},
        lengths: {type: fixed, input: 500, output: 30}}, network: {dispatch: node-dedup}})"},
      {"experts split over data ranks",
       R"({model: {name: qwen3-30b-a3b}, cluster: {node: hgx-h100},
        parallel: {data: 8, expert: 2, moe_tensor: 4}, network: {dispatch: allgather-reducescatter},
        workload: {requests: 60, arrivals: {type: poisson, rate: 20 /s},
        lengths: {type: log-normal, input_median: 400, input_sigma: 0.8, output_median: 60, output_sigma: 0.7}}})"},
      {"one token requests", R"({model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100},
        workload: {requests: 500, arrivals: {type: poisson, rate: 300 /s}, lengths: {type: fixed, input: 1, output: 1}}})"},
  };
  return all;
}

std::vector<Result> all_results() {
  std::vector<std::string> yaml;
  for (const auto& c : cases()) yaml.emplace_back(c.yaml);
  return test::run_scenarios(yaml);
}

// Every step's tokens, summed, against what the requests needed: nothing lost, nothing twice,
// recomputation accounted.
void expect_tokens_conserved(const Result& result) {
  std::int64_t prefill = 0, decode = 0, emitted_after_first = 0, inputs = 0, preemptions = 0;
  for (const auto& step : result.steps) {
    prefill += step.prefill_tokens;
    decode += step.decode_tokens;
  }
  for (const auto& request : result.requests) {
    inputs += request.input_tokens;
    emitted_after_first += request.output_tokens - 1;
    preemptions += request.preemptions;
  }
  EXPECT_EQ(result.completed, result.submitted);
  EXPECT_EQ(result.itl_s.count, emitted_after_first);
  EXPECT_EQ(preemptions, result.preemptions);
  if (result.preemptions == 0) {
    EXPECT_EQ(prefill, inputs);
    EXPECT_EQ(decode, emitted_after_first);
  } else {
    EXPECT_GT(prefill + decode, inputs + emitted_after_first);
  }
}

void expect_time_runs_forward(const Result& result) {
  std::map<int, double> end;
  const bool pipelined = result.gpus > 1 && test::phase_s(result, "pipeline") > 0;
  for (const auto& step : result.steps) {
    EXPECT_GT(step.duration_s, 0);
    if (!pipelined) {
      EXPECT_GE(step.start_s, end[step.group] - 1e-9) << "steps of a group overlap";
    }
    end[step.group] = step.start_s + step.duration_s;
    EXPECT_LE(end[step.group], result.simulated_s * (1 + 1e-12));
  }
  for (const auto& r : result.requests) {
    EXPECT_GE(r.queue_s, 0);
    EXPECT_GT(r.ttft_s, r.queue_s);
    EXPECT_GE(r.e2e_s, r.ttft_s);
  }
}

TEST(Conservation, EveryTokenIsGeneratedExactlyOnce) {
  const auto results = all_results();
  for (std::size_t i = 0; i < results.size(); ++i) {
    SCOPED_TRACE(cases()[i].name);
    expect_tokens_conserved(results[i]);
  }
  EXPECT_GT(results[2].preemptions, 0) << "the case with little memory must preempt";
  EXPECT_GT(results[4].preemptions, 0) << "the pipeline with little memory must preempt";
}

TEST(Conservation, TheClockNeverGoesBack) {
  const auto results = all_results();
  for (std::size_t i = 0; i < results.size(); ++i) {
    SCOPED_TRACE(cases()[i].name);
    expect_time_runs_forward(results[i]);
  }
}

TEST(Conservation, NothingIsUsedMoreThanItHolds) {
  const auto results = all_results();
  for (std::size_t i = 0; i < results.size(); ++i) {
    SCOPED_TRACE(cases()[i].name);
    const auto& result = results[i];
    for (const auto& step : result.steps) {
      EXPECT_GE(step.kv_used_fraction, 0);
      EXPECT_LE(step.kv_used_fraction, 1);
    }
    if (result.network) {
      EXPECT_LE(result.network->max_link_utilization, 1);
    }
    if (result.moe) {
      EXPECT_GE(result.moe->imbalance_mean, 1 - 1e-12);
      EXPECT_LE(result.moe->exposed_comm_fraction, 1);
    }
    double busy = 0;
    for (const auto& [phase, seconds] : result.time_breakdown_s) busy += seconds;
    double steps = 0;
    for (const auto& step : result.steps) steps += step.duration_s;
    EXPECT_LE(busy, steps * (1 + 1e-9)) << "phases take no longer than the steps they are part of";
  }
}

TEST(Conservation, ExpertsGetTopKTokensPerTokenAndLayer) {
  const auto result =
      test::run_scenario(cases()[0].yaml);  // Mixtral: top 2 of 8, one group, no dummy batches
  std::int64_t computed = 0;
  for (const auto& step : result.steps) computed += step.prefill_tokens + step.decode_tokens;
  ASSERT_EQ(result.expert_load_tokens.size(), 32u);
  for (const auto& layer : result.expert_load_tokens) {
    double sum = 0;
    for (const double tokens : layer) sum += tokens;
    EXPECT_DOUBLE_EQ(sum, 2.0 * static_cast<double>(computed));
  }
}

}  // namespace
}  // namespace moesim
