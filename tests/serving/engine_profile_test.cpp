// What an engine adds to the hardware's time: host time without CUDA graphs, the front end, drafted
// tokens; and the profiles that bundle it.
#include "sim/serving/engine_profile.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "models/architecture/catalog.hpp"
#include "sim/engine/launches.hpp"
#include "sim/serving/serving.hpp"
#include "sim/serving/serving_scenario.hpp"
#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

using test::run_scenario;
using test::run_scenarios;

std::string lone(const std::string& engine, int output = 50) {
  return fmt::format(R"({{model: {{name: olmoe-1b-7b}}, cluster: {{node: hgx-h100}},
      workload: {{requests: 1, arrivals: at-once, lengths: {{type: fixed, input: 1000, output: {}}}}},
      engine: {{{}}}}})",
                     output, engine);
}

TEST(EngineProfile, ScenarioValuesWinOverThose) {
  const auto scenario =
      read_serving_scenario(parse_yaml(R"({model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100},
          workload: {arrivals: at-once, lengths: {type: fixed, input: 10, output: 10}},
          engine: {profile: sglang, max_batched_tokens: 4096}})",
                                       "test"));
  EXPECT_EQ(scenario.engine.scheduler.type, "sglang");
  EXPECT_EQ(scenario.engine.max_batched_tokens, 4096);
  EXPECT_GT(scenario.engine.request_time, Seconds(0));
}

TEST(EngineProfile, OfAPoolIsReadToo) {
  const auto scenario =
      read_serving_scenario(parse_yaml(R"({model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100},
          workload: {arrivals: at-once, lengths: {type: fixed, input: 10, output: 10}},
          disaggregation: {prefill: {engine: {profile: sglang, max_sequences: 7}}, decode: {}}})",
                                       "test"));
  const auto& engine = *scenario.disaggregation->prefill.engine;
  EXPECT_EQ(engine.scheduler.type, "sglang");
  EXPECT_EQ(engine.max_sequences, 7);
  EXPECT_GT(engine.launch_time, Seconds(0));
  EXPECT_EQ(scenario.engine.launch_time, Seconds(0)) << "the section engine names no profile";
}

TEST(EngineProfile, AllThatShipCanBeRead) {
  const auto names = engine_profile_names();
  ASSERT_EQ(names, (std::vector<std::string>{"sglang", "trtllm", "trtllm-triton", "vllm",
                                             "vllm-synchronous"}));
  for (const auto& name : names) {
    const auto result = run_scenario(lone("profile: " + name));
    EXPECT_EQ(result.completed, 1) << name;
  }
}

TEST(EngineProfile, AnUnknownOneIsRefusedWithASuggestion) {
  try {
    with_engine_profile(parse_yaml("{engine: {profile: sglan}}", "test"));
    FAIL() << "no such profile";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("sglang"), std::string::npos) << error.what();
  }
}

TEST(EagerSteps, TakeAtLeastTheHostsTimePerKernel) {
  // A layer of OLMoE on one GPU is 15 kernels: two norms, two projections, rotary embedding, cache
  // write and attention, router and top-k, sort, permutation, two expert GEMMs around an
  // activation, sum. The prompt's step is shorter than 16 x 15 launches, decode steps are graphs.
  constexpr double kLaunches = 16 * 15 * 500e-6;
  const auto results = run_scenarios(
      {lone(""), lone("launch_time: 500 us"), lone("launch_time: 500 us, graph_max_batch: 0")});
  EXPECT_LT(results[0].ttft_s.mean, 0.04);
  EXPECT_NEAR(results[1].ttft_s.mean, kLaunches, 1e-8);
  EXPECT_NEAR(results[1].tpot_s.mean, results[0].tpot_s.mean, 1e-9);
  EXPECT_NEAR(results[2].tpot_s.mean, kLaunches, 1e-8);
}

TEST(EagerSteps, GiveTheirTokensWhenTheNextOnesAreLaunched) {
  // Two prompts in a step each, bound by launches: the first one's result waits for the launch of
  // the second, the second one's for a CUDA graph. Nobody's steps take longer.
  const auto two = [](const std::string& engine) {
    return run_scenario(R"({model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100},
        workload: {requests: 2, arrivals: at-once, lengths: {type: fixed, input: 1000, output: 50}},
        engine: {scheduler: sglang, max_batched_tokens: 1000, launch_time: 500 us)" +
                        engine + "}}");
  };
  constexpr double kLaunches = 16 * 15 * 500e-6;
  const auto at_once = two(""), behind = two(", results_after_launch: true");
  EXPECT_NEAR(at_once.ttft_s.mean, 1.5 * kLaunches, 1e-8);
  EXPECT_NEAR(at_once.ttft_s.max, 2 * kLaunches, 1e-8);
  EXPECT_NEAR(behind.ttft_s.mean, 2 * kLaunches, 1e-8);
  EXPECT_NEAR(behind.ttft_s.max, 2 * kLaunches, 1e-8);
  EXPECT_NEAR(behind.e2e_s.max, at_once.e2e_s.max, 1e-9);
  EXPECT_EQ(behind.completed, 2);
}

TEST(EagerSteps, TakeMoreWhereExpertsAreStartedFromPython) {
  const auto results =
      run_scenarios({lone("launch_time: 500 us, experts_launch_time: 2 ms"),
                     lone("launch_time: 500 us, experts_launch_time: 2 ms, piecewise_graphs: true"),
                     lone("launch_time: 500 us")});
  EXPECT_NEAR(results[0].ttft_s.mean, 16 * (15 * 500e-6 + 2e-3), 1e-8);
  EXPECT_NEAR(results[1].ttft_s.mean, 16 * 4 * 500e-6, 1e-8) << "experts are part of a graph";
  EXPECT_NEAR(results[0].tpot_s.mean, results[2].tpot_s.mean, 1e-9);
}

TEST(Memory, OfKeysAndValuesIsAShareOfWhatWeightsLeave) {
  const auto capacity = [](const std::string& memory) {
    const auto document = parse_yaml(lone("memory: {" + memory + "}"), "test");
    return Serving(read_serving_scenario(document), places_of(document)).memory();
  };
  const auto whole = capacity("utilization: 1"), half = capacity("free_share: 0.5");
  EXPECT_NEAR(half.kv_capacity.value, whole.kv_capacity.value / 2, 1);
  EXPECT_DOUBLE_EQ(half.weights.value, whole.weights.value);
}

TEST(PiecewiseGraphs, LaunchOneGraphAndAttentionPerLayer) {
  // Rotary embedding, cache write and attention of OLMoE's 16 layers, and a graph for each.
  const auto results = run_scenarios({lone("launch_time: 1 ms, piecewise_graphs: true")});
  EXPECT_NEAR(results[0].ttft_s.mean, 16 * 4 * 1e-3, 1e-8);
}

TEST(Responses, ComeEverySoManySteps) {
  const auto results = run_scenarios({lone("", 42), lone("stream_interval: 10", 42),
                                      lone("stream_interval: 10, stream_first: false", 42)});
  const double step = results[0].tpot_s.mean;
  EXPECT_DOUBLE_EQ(results[1].ttft_s.mean, results[0].ttft_s.mean);
  EXPECT_NEAR(results[2].ttft_s.mean, results[0].ttft_s.mean + 9 * step, 0.1 * step);
  for (const auto& result : results) {
    EXPECT_DOUBLE_EQ(result.e2e_s.mean, results[0].e2e_s.mean);
    EXPECT_EQ(result.itl_s.count, 41) << "tokens that come together have a gap of nothing";
  }
  EXPECT_EQ(results[1].itl_s.p50, 0);
  EXPECT_NEAR(results[1].itl_s.max, 10 * step, 0.2 * step);
}

TEST(Responses, ComeTogetherAtTheEnginesSteps) {
  const auto two = [](const std::string& more, const std::string& engine) {
    return R"({model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100},
        workload: {requests: 2, arrivals: {type: constant, rate: 100 /s},
                   lengths: {type: fixed, input: 100, output: 42}}, )" +
           more + "engine: {" + engine + "}}";
  };
  const std::string together = "stream_interval: 20, stream_together: true";
  const std::string pools = "disaggregation: {prefill: {}, decode: {engine: {" + together + "}}}, ";
  const auto results =
      run_scenarios({two("", "stream_interval: 20"), two("", together),
                     two("disaggregation: {prefill: {}, decode: {}}, ", ""), two(pools, "")});
  const auto first = [&](std::size_t result, std::size_t request) {
    const auto& row = results[result].requests[request];
    return row.arrival_s + row.ttft_s;
  };
  EXPECT_GT(first(0, 1), first(0, 0));
  EXPECT_DOUBLE_EQ(first(1, 1), first(1, 0)) << "at the twentieth step, whoever came first";
  EXPECT_GT(first(1, 0), first(0, 0) + 15 * results[0].mean_decode_s);
  EXPECT_DOUBLE_EQ(results[1].e2e_s.mean, results[0].e2e_s.mean);
  EXPECT_DOUBLE_EQ(first(3, 1), first(3, 0)) << "in the decode pool too";
  EXPECT_GT(first(3, 0), first(2, 0));
  EXPECT_DOUBLE_EQ(results[3].e2e_s.mean, results[2].e2e_s.mean);
}

TEST(BalancedPrompts, WaitUntilEveryRankHasOne) {
  // Two ranks decode; the third request has no counterpart, so it waits until one of them is done.
  const auto scenario = [](int steps) {
    return fmt::format(R"({{model: {{name: olmoe-1b-7b}}, cluster: {{node: hgx-h100}},
        parallel: {{data: 2, expert: 2}},
        workload: {{requests: 3, arrivals: {{type: constant, rate: 20 /s}},
                   lengths: {{type: fixed, input: 100, output: 400}}}},
        engine: {{scheduler: {{type: trtllm, balance_steps: {}}}}}}})",
                       steps);
  };
  const auto results = run_scenarios({scenario(0), scenario(1000000)});
  EXPECT_LT(results[0].requests[2].ttft_s, 0.1);
  EXPECT_GT(results[1].requests[2].ttft_s, 50 * results[0].tpot_s.mean);
  EXPECT_EQ(results[1].completed, 3);
}

TEST(Launches, CountTheKernelsOfALayer) {
  const auto of = [](const std::string& name, std::int64_t layer, Dtype dtype) {
    const auto model = load_model(name);
    Precision precision = model.precision;
    precision.attention = precision.dense = precision.experts = precision.shared = dtype;
    ParallelConfig degrees;
    degrees.tensor = 8;
    return layer_launches(model.architecture, precision, degrees,
                          model.architecture.layers[static_cast<std::size_t>(layer)].moe);
  };
  EXPECT_EQ(of("deepseek-r1", 10, Dtype::fp8), 34);
  const auto r1 = load_model("deepseek-r1");
  EXPECT_EQ(piecewise_launches(r1.architecture, r1.precision), 8);
  EXPECT_EQ(of("llama-3.1-70b", 10, Dtype::fp8), 16);
  EXPECT_EQ(of("llama-3.1-70b", 10, Dtype::bf16), 12);
}

TEST(SynchronousHost, AddsItsTimePerStepAndPerRequestOfTheStep) {
  const auto scenario = [](const std::string& engine) {
    return R"({model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100},
        workload: {requests: 8, arrivals: at-once, lengths: {type: fixed, input: 100, output: 9}},
        engine: {)" +
           engine + "}}";
  };
  const auto results =
      run_scenarios({scenario(""), scenario("host_time: 3 ms"), scenario("sequence_time: 500 us")});
  // Eight requests prefill in one step and decode in eight.
  EXPECT_NEAR(results[1].ttft_s.mean - results[0].ttft_s.mean, 3e-3, 1e-8);
  EXPECT_NEAR(results[2].ttft_s.mean - results[0].ttft_s.mean, 8 * 500e-6, 1e-8);
  EXPECT_NEAR(results[2].tpot_s.mean - results[0].tpot_s.mean, 8 * 500e-6, 1e-8);
}

TEST(AsynchronousHost, CountsOnlyWhereItExceedsTheStep) {
  const auto engine = [](const std::string& time) {
    return lone("asynchronous_scheduling: true, host_time: " + time);
  };
  const auto results = run_scenarios({lone(""), engine("1 us"), engine("50 ms")});
  ASSERT_LT(results[0].tpot_s.mean, 0.05);
  EXPECT_NEAR(results[1].tpot_s.mean, results[0].tpot_s.mean, 1e-9);
  EXPECT_NEAR(results[2].tpot_s.mean, 0.05, 1e-8);
}

TEST(FrontEnd, TakesOneRequestAfterTheOther) {
  const auto scenario = [](const std::string& engine) {
    return R"({model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100},
        workload: {requests: 4, arrivals: at-once, lengths: {type: fixed, input: 100, output: 2}},
        engine: {)" +
           engine + "}}";
  };
  const auto results = run_scenarios({scenario("max_sequences: 1"), scenario("request_time: 1 s")});
  // The engine is idle long before the next request has come through.
  const double service = run_scenarios({lone("", 2), lone("", 2)}).front().e2e_s.mean;
  ASSERT_LT(service, 0.5);
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(results[1].requests[static_cast<std::size_t>(i)].ttft_s, i + 1.0, 0.5);
  EXPECT_EQ(results[1].completed, 4);
}

TEST(Speculation, GivesTheAcceptanceLengthPerStep) {
  const auto results =
      run_scenarios({lone("", 301), lone("speculation: {tokens: 3, acceptance_length: 2.5}", 301),
                     lone("speculation: {tokens: 1, acceptance_length: 1}", 301)});
  EXPECT_EQ(results[0].decode_steps, 300);
  EXPECT_EQ(results[1].decode_steps, 120);  // 300 / 2.5
  EXPECT_EQ(results[2].decode_steps, 300);
  EXPECT_EQ(results[1].output_tokens, 301);
  // Steps that verify take longer than those that do not; a draft that never helps costs time.
  EXPECT_GT(results[1].tpot_s.mean * 2.5, results[0].tpot_s.mean);
  EXPECT_LT(results[1].tpot_s.mean, results[0].tpot_s.mean);
  EXPECT_GT(results[2].tpot_s.mean, results[0].tpot_s.mean);
}

TEST(Speculation, BesideAnExpertCacheIsRefused) {
  const auto document = parse_yaml(
      R"({model: {name: mixtral-8x7b}, cluster: {node: {profile: hgx-h100, gpus: 1}},
          cache: {slots: 2, tiers: [{name: host, capacity: 256 GiB, bandwidth: 25 GB/s}]},
          workload: {requests: 2, arrivals: at-once, lengths: {type: fixed, input: 10, output: 4}},
          engine: {speculation: {tokens: 1, acceptance_length: 1.5}}})",
      "test");
  try {
    const Serving serving(read_serving_scenario(document), places_of(document));
    FAIL() << "both were taken";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("test:2:"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("drafted tokens"), std::string::npos) << error.what();
  }
}

TEST(Speculation, MoreTokensThanAStepCanGiveAreRefused) {
  EXPECT_THROW(read_serving_scenario(
                   parse_yaml(lone("speculation: {tokens: 1, acceptance_length: 2.5}"), "test")),
               InputError);
}

}  // namespace
}  // namespace moesim
