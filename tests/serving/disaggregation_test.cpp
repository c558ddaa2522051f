// Two pools of workers: a request's time in closed form, what is conserved on the way between them,
// back pressure, and that more of the scarce pool helps.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

using test::run_scenario;
using test::run_scenarios;

// OLMoE-1B-7B keeps 2 x 16 layers x 16 heads x 128 bf16 values per token; two GPUs split the heads.
constexpr double kKvPerGpu = 2.0 * 16 * 16 * 128 * 2 / 2;
// hgx-h100: 50 GB/s at an efficiency of 0.94 per NIC, and its start-up.
constexpr double kNic = 50e9 * 0.94, kNicLatency = 24e-6;

std::string olmoe(const std::string& pools, const std::string& workload,
                  const std::string& more = "") {
  return fmt::format(R"({{model: {{name: olmoe-1b-7b}}, cluster: {{node: hgx-h100, nodes: 4}},
      disaggregation: {{{}}}, workload: {{{}}}{}}})",
                     pools, workload, more);
}

const char* const kLone =
    "requests: 1, arrivals: at-once, lengths: {type: fixed, input: 1000, "
    "output: 50}";
const char* const kMany =
    "requests: 300, arrivals: {type: poisson, rate: 150 /s}, lengths: {type: "
    "uniform, input_min: 1, input_max: 2000, output_min: 1, output_max: 80}";

double steps_s(const Result& result) {
  double sum = 0;
  for (const auto& step : result.steps) sum += step.duration_s;
  return sum;
}

/// KV bytes of the prompts that were sent on: whole blocks of 16 tokens, on both GPUs of the rank.
double kv_bytes(const Result& result) {
  double sum = 0;
  for (const auto& request : result.requests)
    if (request.output_tokens > 1)
      sum += 2 * kKvPerGpu * 16 * static_cast<double>((request.input_tokens + 15) / 16);
  return sum;
}

// Eight GPUs of prefill fill the first node, so the cache crosses the fabric: two GPUs send to two.
TEST(Disaggregation, ALoneRequestTakesPrefillTransferAndDecodeSteps) {
  const auto pools = [](const char* first) {
    return olmoe(fmt::format("prefill: {{workers: 4, parallel: {{tensor: 2}}}}, decode: "
                             "{{parallel: {{tensor: 2}}}}, first_token: {}",
                             first),
                 kLone);
  };
  const auto results = run_scenarios({pools("decode"), pools("prefill")});
  const double transfer = kNicLatency + kKvPerGpu * 1008 / kNic;
  for (const auto& result : results) {
    EXPECT_NEAR(result.e2e_s.mean, steps_s(result) + transfer, 50 * 1e-9);
    EXPECT_NEAR(result.disaggregation->transfer_s.mean, transfer, 1e-9);
    EXPECT_EQ(result.prefill_steps, 1);
    EXPECT_EQ(result.decode_steps, 49);
    EXPECT_EQ(result.gpus, 10);
  }
  const double prefill = results[0].steps.front().duration_s;
  EXPECT_NEAR(results[0].ttft_s.mean, prefill + transfer, 2e-9) << "the transfer is part of TTFT";
  EXPECT_NEAR(results[1].ttft_s.mean, prefill, 1e-9);
  EXPECT_NEAR(results[1].itl_s.max, transfer + results[1].steps[1].duration_s, 2e-9)
      << "the transfer is part of the first gap";
}

// Inside a node the island carries it; a slower transfer engine or another device are stated.
TEST(Disaggregation, ATransferTakesWhatTheScenarioSaysAboutItsWay) {
  const auto results = run_scenarios({
      olmoe("prefill: {parallel: {tensor: 2}}, decode: {parallel: {tensor: 2}}", kLone),
      olmoe("prefill: {parallel: {tensor: 2}}, decode: {parallel: {tensor: 2}}, transfer: "
            "{bandwidth: 10 GB/s, latency: 3 ms}",
            kLone),
      olmoe("prefill: {parallel: {tensor: 2}}, decode: {node: hgx-h200, parallel: {tensor: 4}}",
            kLone),
      olmoe("prefill: {parallel: {tensor: 2}}, decode: {node: hgx-h200, parallel: {tensor: 4}}",
            kLone, ", network: {fidelity: analytic}"),
  });
  const auto transfer = [&](int i) { return results[i].disaggregation->transfer_s.mean; };
  EXPECT_LT(transfer(0), kKvPerGpu * 1008 / kNic);
  EXPECT_GT(transfer(0), kKvPerGpu * 1008 / 450e9);
  EXPECT_NEAR(transfer(1) - 3e-3, kKvPerGpu * 1008 / 10e9, 50e-6);
  // Two GPUs send the whole, so their NICs are the bottleneck of four receivers.
  EXPECT_NEAR(transfer(2), kNicLatency + kKvPerGpu * 1008 / kNic, 1e-9);
  EXPECT_NEAR(transfer(3), transfer(2), 2e-9);
  EXPECT_EQ(results[2].gpus, 6);
}

struct PoolCase {
  const char* name;
  std::string yaml;
};

std::vector<PoolCase> strained() {
  const auto pools = [](const char* prefill, const char* decode) {
    return fmt::format(
        "prefill: {{parallel: {{tensor: 2}}, {}}}, decode: {{parallel: {{tensor: "
        "2}}, {}}}",
        prefill, decode);
  };
  return {
      {"two to three workers", olmoe(pools("workers: 2", "workers: 3"), kMany)},
      {"little memory at decode: back pressure, preemption",
       olmoe(pools("workers: 2", "engine: {memory: {utilization: 0.25, reserve: 12.8 GB}}"),
             kMany)},
      {"little memory at prefill",
       olmoe(pools("engine: {max_batched_tokens: 512, memory: {utilization: 0.25, reserve: 12.8 "
                   "GB}}",
                   "workers: 2"),
             kMany)},
      {"few seats, closed loop",
       olmoe(
           pools("workers: 1", "engine: {max_sequences: 4}"),
           "requests: 100, arrivals: {type: closed-loop, concurrency: 30}, lengths: {type: fixed, "
           "input: 500, output: 20}")},
      {"on clusters of their own", olmoe(pools("workers: 3", "workers: 2, node: hgx-h200"), kMany)},
      {"analytic",
       olmoe(pools("workers: 2", "workers: 2"), kMany, ", network: {fidelity: analytic}")},
      {"ranks that exchange tokens over nodes",
       olmoe("prefill: {parallel: {data: 16, expert: 16}}, decode: {parallel: {data: 16, expert: "
             "16}}",
             kMany)},
  };
}

TEST(Disaggregation, LosesNoRequestTokenOrByte) {
  const auto cases = strained();
  std::vector<std::string> yaml;
  for (const auto& c : cases) yaml.push_back(c.yaml);
  const auto results = run_scenarios(yaml);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].name);
    const auto& result = results[i];
    std::int64_t computed = 0, inputs = 0, gaps = 0, sent = 0;
    for (const auto& step : result.steps) {
      computed += step.prefill_tokens + step.decode_tokens;
      EXPECT_LE(step.kv_used_fraction, 1);
    }
    for (const auto& request : result.requests) {
      inputs += request.input_tokens;
      gaps += request.output_tokens - 1;
      sent += request.output_tokens > 1 ? 1 : 0;
      EXPECT_GE(request.ttft_s, request.queue_s);
      EXPECT_GE(request.e2e_s, request.ttft_s);
    }
    EXPECT_EQ(result.completed, result.submitted);
    EXPECT_EQ(result.itl_s.count, gaps);
    if (result.preemptions == 0) {
      EXPECT_EQ(computed, inputs + gaps);
    } else {
      EXPECT_GT(computed, inputs + gaps);
    }
    const auto& pools = *result.disaggregation;
    EXPECT_EQ(pools.transfers, sent);
    EXPECT_EQ(pools.wait_s.count, sent);
    // One tensor rank of the last case holds all heads where two held half each: the same bytes.
    EXPECT_DOUBLE_EQ(pools.transfer_bytes, kv_bytes(result));
    EXPECT_LE(pools.prefill.busy_fraction, 1);
    EXPECT_LE(pools.decode.busy_fraction, 1);
    EXPECT_LE(result.network->max_link_utilization, 1);
  }
  EXPECT_GT(results[1].preemptions, 0) << "the case must preempt";
  EXPECT_GT(results[1].disaggregation->wait_s.max, 1e-3) << "requests must wait for memory";
  EXPECT_GT(results[3].disaggregation->wait_s.mean, 1e-3) << "requests must wait for a seat";
  double longest = 0;
  for (const auto& step : results[0].steps) longest = std::max(longest, step.duration_s);
  EXPECT_LE(results[0].disaggregation->wait_s.max, longest) << "only for the step that runs";
}

// The second request arrives while the first decodes; nothing else happens.
std::string two_after_another(const std::string& transfer) {
  return olmoe("prefill: {parallel: {tensor: 2}}, decode: {parallel: {tensor: 2}}, transfer: {" +
                   transfer + "}",
               "requests: 2, arrivals: {type: poisson, rate: 20 /s}, lengths: {type: fixed, input: "
               "1000, output: 200}");
}

TEST(Disaggregation, TheFirstTokenIsSeenWhenADecodeStepBegins) {
  const auto result = run_scenario(two_after_another("latency: 1 ms"));
  for (const auto& request : result.requests) {
    const double seen = request.arrival_s + request.ttft_s;
    EXPECT_TRUE(std::ranges::any_of(result.steps, [&](const StepRow& step) {
      return step.decode_tokens > 0 && std::abs(step.start_s - seen) < 1e-9;
    })) << seen;
  }
  const auto& second = result.requests.back();
  ASSERT_GT(second.arrival_s, result.requests.front().arrival_s + 0.01);
  ASSERT_LT(second.arrival_s, result.requests.front().e2e_s);
  EXPECT_GT(result.disaggregation->wait_s.max, 0) << "the cache is asked for between two steps";
}

TEST(Disaggregation, WithoutOverlapDecodeStepsWaitForTransfers) {
  const auto results = run_scenarios(
      {two_after_another("latency: 30 ms"), two_after_another("latency: 30 ms, overlap: false")});
  const double gap = results[0].itl_s.max;
  EXPECT_LT(gap, 10e-3) << "the first request goes on";
  EXPECT_NEAR(results[1].itl_s.max, results[1].disaggregation->transfer_s.mean + gap, gap);
  EXPECT_GT(results[1].requests.front().e2e_s, results[0].requests.front().e2e_s + 25e-3);
}

// Sixteen prompts that end together send from one worker to one worker: its two NICs carry it all.
TEST(Disaggregation, TransfersShareTheirLinks) {
  const auto result = run_scenario(
      olmoe("prefill: {workers: 4, parallel: {tensor: 2}, engine: {max_batched_tokens: 16384, "
            "request_router: round-robin}}, decode: {parallel: {tensor: 2}}",
            "requests: 32, arrivals: at-once, lengths: {type: fixed, input: 2000, output: 2}"));
  const double bytes = 32 * kKvPerGpu * 2000;
  double last_start = 0;
  for (const auto& step : result.steps)
    if (step.prefill_tokens > 0) last_start = std::max(last_start, step.start_s + step.duration_s);
  EXPECT_GT(result.disaggregation->transfer_s.max, 8 * kKvPerGpu * 2000 / kNic);
  EXPECT_LT(result.disaggregation->transfer_s.max, bytes / kNic + 1e-3);
}

TEST(Disaggregation, MoreWorkersOfTheBusyPoolRaiseThroughput) {
  const auto matched = [](int prefill, int decode) {
    return olmoe(
        fmt::format("prefill: {{workers: {}, parallel: {{tensor: 2}}}}, decode: {{workers: "
                    "{}, parallel: {{tensor: 2}}}}",
                    prefill, decode),
        "requests: 400, arrivals: at-once, lengths: {type: fixed, input: 2000, output: 8}");
  };
  const auto results = run_scenarios({matched(1, 1), matched(3, 1), matched(1, 3)});
  const auto& one = *results[0].disaggregation;
  EXPECT_GT(one.prefill.busy_fraction, 0.9)
      << "long prompts, short answers: prefill is the bottleneck";
  EXPECT_LT(one.decode.busy_fraction, one.prefill.busy_fraction);
  EXPECT_GT(results[1].requests_per_s, 2 * results[0].requests_per_s);
  EXPECT_LT(results[2].requests_per_s, 1.1 * results[0].requests_per_s);
}

}  // namespace
}  // namespace moesim
