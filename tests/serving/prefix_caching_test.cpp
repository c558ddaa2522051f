// engine.prefix_caching in whole runs: a cached prefix is not computed, what is not cached is; the
// cache travels between pools only where it is not there; and what cannot be served is refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "sim/core/error.hpp"
#include "sim/core/random.hpp"
#include "sim/serving/request_router.hpp"
#include "sim/serving/serving.hpp"
#include "tests/report/temporary_directory.hpp"
#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

using moesim::testing::TemporaryDirectory;
using test::refusal_of;
using test::run_scenario;
using test::run_scenarios;

std::string line(double at_ms, std::int64_t input, std::int64_t output, const std::string& ids) {
  return fmt::format(
      "{{\"timestamp\": {}, \"input_length\": {}, \"output_length\": {}, \"hash_ids\": [{}]}}\n",
      at_ms, input, output, ids);
}

class PrefixCaching : public ::testing::Test {
 protected:
  std::string trace(const std::string& text) {
    std::ofstream(folder_.file("trace.jsonl")) << text;
    return folder_.file("trace.jsonl");
  }
  std::string scenario(const std::string& text, const std::string& engine,
                       const std::string& more = "") {
    return fmt::format(
        "{{model: {{name: olmoe-1b-7b}}, cluster: {{node: hgx-h100}}, workload: {{trace: {}}}, "
        "engine: {{{}}}{}}}",
        trace(text), engine, more);
  }
  TemporaryDirectory folder_;
};

std::int64_t computed_tokens(const Result& result) {
  std::int64_t tokens = 0;
  for (const auto& step : result.steps) tokens += step.prefill_tokens;
  return tokens;
}

// The second of two identical prompts computes its last block only, after the same context as the
// first did: so its TTFT is the last of the first's steps of one block.
TEST_F(PrefixCaching, TheSecondOfTwoIdenticalPromptsTakesOneBlocksStep) {
  const auto twice = line(0, 2048, 1, "1, 2, 3, 4") + line(60000, 2048, 1, "1, 2, 3, 4");
  for (const auto* scheduler : {"vllm-v1", "sglang", "{type: trtllm, chunked_prefill: true}"}) {
    const auto result = run_scenarios(
        {scenario(
             twice,
             fmt::format("prefix_caching: true, max_batched_tokens: 512, scheduler: {}", scheduler),
             ", routing: {source: balanced}"),
         "{model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100}, workload: {requests: 1, "
         "arrivals: at-once, lengths: {type: fixed, input: 9, output: 1}}}"})[0];
    ASSERT_EQ(result.steps.size(), 5u) << scheduler;
    EXPECT_NEAR(result.requests[1].ttft_s, result.steps[3].duration_s, 2e-9) << scheduler;
    EXPECT_GT(result.requests[0].ttft_s, 3 * result.requests[1].ttft_s) << scheduler;
    ASSERT_TRUE(result.prefix_cache);
    EXPECT_EQ(result.prefix_cache->prompt_tokens, 4096);
    EXPECT_EQ(result.prefix_cache->hit_tokens, 3 * 512);
  }
}

TEST_F(PrefixCaching, ARestOfAPromptIsAlwaysComputed) {
  const auto result = run_scenario(scenario(
      line(0, 1100, 3, "1, 2, 3") + line(60000, 1100, 3, "1, 2, 3") + line(120000, 1030, 1, "1, 2"),
      "prefix_caching: true"));
  EXPECT_EQ(result.prefix_cache->hit_tokens, 2 * 1024);  // the rest of 76 tokens is no whole block
  EXPECT_EQ(computed_tokens(result), 1100 + 76 + 6);
}

/// Conversations: prompts that fork, of 1 to 8 blocks and a rest, in bursts.
std::string forks(int requests) {
  const RandomStream random(11, stream_id("forks"));
  std::uint64_t draw = 0;
  std::string text;
  for (int i = 0; i < requests; ++i) {
    const auto input = 512 + static_cast<std::int64_t>(random.below(draw++, 3400));
    std::string ids;
    std::int64_t id = 1;
    for (std::int64_t b = 0; b < (input + 511) / 512; ++b) {
      id = id * 3 + static_cast<std::int64_t>(random.below(draw++, 3));
      ids += (ids.empty() ? "" : ", ") + std::to_string(id);
    }
    text +=
        line(20.0 * (i / 4), input, 1 + static_cast<std::int64_t>(random.below(draw++, 60)), ids);
  }
  return text;
}

TEST_F(PrefixCaching, ComputesWhatIsNotCachedAndNothingElse) {
  for (const auto* scheduler : {"vllm-v1", "sglang", "trtllm"}) {
    const auto engine = fmt::format("prefix_caching: true, scheduler: {}", scheduler);
    const auto text = forks(200);
    const auto results = run_scenarios(
        {scenario(text, engine), scenario(text, engine, ", parallel: {data: 2, expert: 2}")});
    for (const auto& result : results) {
      EXPECT_EQ(result.completed, 200);
      EXPECT_EQ(result.preemptions, 0);
      EXPECT_EQ(result.prefix_cache->prompt_tokens, result.input_tokens);
      EXPECT_EQ(computed_tokens(result), result.input_tokens - result.prefix_cache->hit_tokens);
      EXPECT_GT(result.prefix_cache->hit_rate, 0.2) << scheduler;
    }
    EXPECT_GT(results[0].prefix_cache->hit_rate, results[1].prefix_cache->hit_rate)
        << "two ranks, each with a cache of its own";
  }
}

// With KV memory for few requests, requests are preempted and blocks given up: the run ends, and
// what is held at its end is nothing (Serving::run checks).
TEST_F(PrefixCaching, SurvivesScarceMemory) {
  const auto text = forks(200);
  const auto run = [&](const char* memory) {
    return scenario(text, fmt::format("prefix_caching: true, memory: {{utilization: {}}}", memory));
  };
  const auto results = run_scenarios({run("0.9"), run("0.23")});
  EXPECT_EQ(results[1].completed + results[1].failed, 200);
  EXPECT_GT(results[1].preemptions, 0);
  EXPECT_LT(results[1].prefix_cache->hit_tokens, results[0].prefix_cache->hit_tokens);
}

TEST_F(PrefixCaching, OffIsAsIfTheTraceHadNoIds) {
  const auto text = forks(50);
  auto without = text;
  for (std::size_t at = 0; (at = without.find(", \"hash_ids\"", at)) != std::string::npos;)
    without.erase(at, without.find(']', at) + 1 - at);
  TemporaryDirectory other;
  std::ofstream(other.file("plain.jsonl")) << without;
  const auto results =
      run_scenarios({scenario(text, "prefix_caching: false"),
                     "{model: {name: olmoe-1b-7b}, cluster: {node: hgx-h100}, workload: {trace: " +
                         other.file("plain.jsonl") + "}}"});
  EXPECT_FALSE(results[0].prefix_cache);
  EXPECT_EQ(results[0].simulated_s, results[1].simulated_s);
  EXPECT_EQ(results[0].ttft_s.mean, results[1].ttft_s.mean);
}

// OLMoE-1B-7B keeps 2 x 16 layers x 16 heads x 128 bf16 values per token.
TEST_F(PrefixCaching, OnlyWhatTheDecodeWorkerLacksTravels) {
  const auto text = line(0, 2048, 5, "1, 2, 3, 4") + line(60000, 2100, 5, "1, 2, 3, 4, 5");
  const auto pools = [&](const char* decode) {
    return scenario(text, "prefix_caching: true",
                    fmt::format(", disaggregation: {{prefill: {{}}, decode: {{engine: "
                                "{{prefix_caching: {}}}}}}}",
                                decode));
  };
  const auto results = run_scenarios({pools("false"), pools("true")});
  constexpr double kPerToken = 2.0 * 16 * 16 * 128 * 2;
  EXPECT_DOUBLE_EQ(results[0].disaggregation->transfer_bytes, kPerToken * (2048 + 2112));
  EXPECT_DOUBLE_EQ(results[1].disaggregation->transfer_bytes, kPerToken * (2048 + 64));
  for (const auto& result : results) EXPECT_EQ(result.prefix_cache->hit_tokens, 2048);
}

TEST(SharedPrefix, IsComputedOnceAndFoundByWhoeverComesLater) {
  const auto run = [](const char* prefix) {
    return fmt::format(
        "{{model: {{name: llama-3.1-8b}}, cluster: {{node: hgx-h100}}, workload: {{requests: 50, "
        "{}arrivals: {{type: closed-loop, concurrency: 1}}, lengths: {{type: fixed, input: 1000, "
        "output: 2}}}}, engine: {{prefix_caching: {}}}}}",
        prefix, *prefix == 0 ? "false" : "true");
  };
  const auto results = run_scenarios({run(""), run("shared_prefix: 600, ")});
  EXPECT_EQ(results[1].prefix_cache->hit_tokens, 49 * 592);  // whole blocks of 16
  EXPECT_EQ(computed_tokens(results[1]), 50 * 1000 - 49 * 592);
  EXPECT_EQ(results[1].requests[0].ttft_s, results[0].requests[0].ttft_s);
  EXPECT_LT(results[1].requests[9].ttft_s, 0.7 * results[0].requests[9].ttft_s);
}

void expect_refused(const std::string& error, const std::string& place, const std::string& what) {
  EXPECT_TRUE(error.starts_with(place + ": ")) << error;
  EXPECT_NE(error.find(what), std::string::npos) << error;
}

TEST_F(PrefixCaching, RefusesIdsThatDoNotFitTheirPrompt) {
  const auto good = line(0, 1100, 3, "1, 2, 3");
  for (const auto* ids : {"1", "1, 2, 3, 4", ""}) {
    const auto error = refusal_of(scenario(good + line(9, 1100, 3, ids), "prefix_caching: true"));
    expect_refused(error, folder_.file("trace.jsonl") + ":2:60", "has 2 whole blocks of 512");
  }
  EXPECT_EQ(refusal_of(scenario(good + line(9, 1100, 3, "1, 2"), "prefix_caching: true")), "");
  EXPECT_EQ(refusal_of(scenario(good + line(9, 1100, 3, "1"), "prefix_caching: false")), "");
  expect_refused(refusal_of(scenario(good + line(9, 1100, 3, "1, -2"), "prefix_caching: true")),
                 folder_.file("trace.jsonl") + ":2:60", "none negative");
}

TEST_F(PrefixCaching, TakesOtherBlocksThanMooncakes) {
  const auto path = trace(line(0, 40, 3, "1, 2, 3"));
  const auto with = [&](const char* block) {
    return fmt::format(
        "{{model: {{name: olmoe-1b-7b}}, cluster: {{node: hgx-h100}}, workload: {{trace: {}, "
        "hash_block: {}}}, engine: {{prefix_caching: true}}}}",
        path, block);
  };
  EXPECT_EQ(refusal_of(with("16")), "");
  EXPECT_NE(refusal_of(with("40")).find("no multiple of engine.block_size 16"), std::string::npos);
}

std::string generated(const std::string& model, const std::string& workload,
                      const std::string& engine) {
  return "model: {name: " + model +
         "}\n"
         "cluster: {node: hgx-h100}\n"
         "workload: {requests: 1, arrivals: at-once, " +
         workload + "lengths: {type: fixed, input: 99, output: 2}}\nengine: {" + engine + "}\n";
}

TEST(PrefixCachingRefusals, NameWhatIsMissingOrInTheWay) {
  expect_refused(refusal_of(generated("olmoe-1b-7b", "", "prefix_caching: true")), "test.yaml:4:26",
                 "a trace with hash_ids, or workload.shared_prefix");
  expect_refused(
      refusal_of(generated("gpt-oss-20b", "shared_prefix: 64, ", "prefix_caching: true")),
      "test.yaml:4:26", "layers with a window");
  expect_refused(refusal_of(generated("olmoe-1b-7b", "shared_prefix: 64, ",
                                      "prefix_caching: true, swap_bandwidth: 9 GB/s")),
                 "test.yaml:4:26", "leave one of them out");
  expect_refused(refusal_of(generated("olmoe-1b-7b", "shared_prefix: 0, ", "prefix_caching: true")),
                 "test.yaml:3:59", "at least 1");
}

TEST_F(PrefixCaching, RefusesTracesThatDoNotSayWhatBeginsAlike) {
  const auto error = refusal_of(
      scenario("arrival_s,input_tokens,output_tokens\n0,600,2\n", "prefix_caching: true"));
  EXPECT_NE(error.find("no hash_ids"), std::string::npos) << error;
  EXPECT_NE(refusal_of(fmt::format("{{model: {{name: olmoe-1b-7b}}, cluster: {{node: hgx-h100}}, "
                                   "workload: {{trace: {}, shared_prefix: 32}}}}",
                                   folder_.file("trace.jsonl")))
                .find("leave one of them out"),
            std::string::npos);
}

TEST(PrefixAwareRouter, TakesTheRankWithTheLongestPrefixWhileRanksAreBalanced) {
  const auto router =
      Value<Choice<RequestRouter>>::read(parse_yaml("prefix-aware", "test")).make({3});
  std::vector<RankLoad> ranks = {{0, 5, 0.4}, {0, 9, 0.8}, {0, 1, 0}};
  EXPECT_EQ(router->choose(0, ranks), 1);
  for (auto& rank : ranks) rank.cached_share /= 4;
  EXPECT_EQ(router->choose(1, ranks), 2) << "too little is cached";
  ranks = {{0, 5, 0.4}, {30, 40, 0.8}, {0, 1, 0}};
  EXPECT_EQ(router->choose(2, ranks), 2) << "out of balance";
}

TEST(LeastWorkRouter, CountsTokensAndTheContextThatTheyAttendTo) {
  const auto choose = [](const char* router, const std::vector<RankLoad>& ranks) {
    return Value<Choice<RequestRouter>>::read(parse_yaml(router, "test"))
        .make({std::ssize(ranks)})
        ->choose(0, ranks);
  };
  // Four short prompts, and a long one of fewer tokens.
  const std::vector<RankLoad> ranks = {{4, 0, 0, 4000, 4 * 500e3}, {1, 0, 0, 3000, 4500e3}};
  EXPECT_EQ(choose("least-work", ranks), 1) << "fewer tokens";
  EXPECT_EQ(choose("{type: least-work, attention_context: 1000}", ranks), 0) << "fewer pairs";
  EXPECT_EQ(choose("least-work", {{0, 9, 0, 0, 0}, {0, 2, 0, 0, 0}}), 1) << "all decode";
}

TEST_F(PrefixCaching, LeastWorkLooksAtWhatIsLeftOfPromptsAndNotAtTheirNumber) {
  // A long prompt and short ones in turn: by number, the ranks are alike.
  std::string text;
  for (int i = 0; i < 40; ++i) text += line(0, i % 2 == 0 ? 4000 : 100, 2, std::to_string(i));
  const auto run = [&](const char* router) {
    return scenario(text, fmt::format("request_router: {}, max_batched_tokens: 4000", router),
                    ", parallel: {data: 2}");
  };
  const auto results = run_scenarios(
      {run("least-loaded"), run("least-work"), run("{type: least-work, attention_context: 8000}")});
  EXPECT_LT(results[1].simulated_s, 0.7 * results[0].simulated_s);
  EXPECT_LT(results[2].simulated_s, 0.7 * results[0].simulated_s);
}

TEST_F(PrefixCaching, ARouterThatLooksAtTheCachesFindsMore) {
  const auto text = forks(300);
  const auto run = [&](const char* router) {
    return scenario(text, fmt::format("prefix_caching: true, request_router: {}", router),
                    ", parallel: {data: 4}");
  };
  const auto results = run_scenarios({run("least-loaded"), run("prefix-aware")});
  EXPECT_GT(results[1].prefix_cache->hit_rate, 1.1 * results[0].prefix_cache->hit_rate);
}

}  // namespace
}  // namespace moesim
