// Fidelity `pairwise` in serving, every flow on its path, against `aggregate`, which moves bytes
// per link: where nothing contends, under contention, and when a link fails in mid-run.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "sim/core/random.hpp"
#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

using test::run_scenario;
using test::run_scenarios;

/// Fabric, transport, dispatch, degrees and lengths drawn at random; groups of `layout` GPUs.
struct Degrees {
  int tensor, data, expert, pipeline, nodes, gpus, nics;
};

std::string draw_scenario(std::uint64_t number, const Degrees& d, const char* rest) {
  const char* fabrics[] = {"type: leaf-spine, nodes_per_leaf: 1, spines: 2",
                           "type: leaf-spine, nodes_per_leaf: 2, spines: 4, oversubscription: 2",
                           "type: rail-optimised, nodes_per_group: 2", "type: crossbar"};
  const char* transports[] = {"spray",   "ecmp",     "{type: ecmp, queue_pairs: 4}",
                              "planned", "adaptive", "flow-split"};
  const char* dispatches[] = {"all-to-all", "node-dedup", "allgather-reducescatter"};
  const RandomStream random(11, stream_id("pairwise", number));
  std::uint64_t draw = 0;
  const auto pick = [&](std::uint64_t n) { return random.below(draw++, n); };
  return fmt::format(
      "{{model: {{name: {}}}, cluster: {{nodes: {}, node: {{profile: hgx-h100, gpus: {}, nics: "
      "{}}}, fabric: {{{}}}}}, parallel: {{tensor: {}, data: {}, expert: {}, pipeline: {}}}, "
      "workload: {{requests: {}, arrivals: at-once, lengths: {{type: fixed, input: {}, output: "
      "3}}}}, {}network: {{transport: {}, dispatch: {}, fidelity: ",
      d.expert > 1 ? "olmoe-1b-7b" : "llama-3.1-8b", d.nodes, d.gpus, d.nics, fabrics[pick(4)],
      d.tensor, d.data, d.expert, d.pipeline, 3 + pick(6), 200 + 500 * pick(8), rest,
      transports[pick(6)], dispatches[pick(3)]);
}

/// aggregate, pairwise.
std::vector<Result> both(const std::string& scenario) {
  return run_scenarios({scenario + "aggregate}}", scenario + "pairwise}}"});
}

void expect_same_work(const std::vector<Result>& results) {
  EXPECT_EQ(results[1].completed, results[0].completed);
  EXPECT_EQ(results[1].output_tokens, results[0].output_tokens);
  EXPECT_NEAR(results[1].network->bytes, results[0].network->bytes,
              1e-9 * results[0].network->bytes);
}

TEST(Pairwise, AgreesWithAggregateWhereNothingContends) {
  const Degrees degrees[] = {{1, 8, 8, 1, 2, 4, 4}, {2, 4, 8, 1, 4, 2, 1}, {2, 2, 4, 2, 2, 4, 1},
                             {1, 4, 4, 2, 2, 4, 2}, {8, 1, 8, 1, 2, 4, 2}, {4, 1, 1, 1, 2, 2, 1}};
  std::uint64_t number = 0;
  for (const auto& d : degrees)
    for (const char* executor : {"lockstep", "event"}) {
      const auto scenario =
          draw_scenario(++number, d, fmt::format("engine: {{executor: {}}}, ", executor).c_str());
      SCOPED_TRACE(scenario);
      const auto results = both(scenario);
      expect_same_work(results);
      EXPECT_NEAR(results[1].simulated_s, results[0].simulated_s, 0.02 * results[0].simulated_s);
      EXPECT_NEAR(results[1].network->max_link_utilization * results[1].simulated_s,
                  results[0].network->max_link_utilization * results[0].simulated_s,
                  0.05 * results[0].network->max_link_utilization * results[0].simulated_s)
          << "the same bytes on the busiest link";
    }
}

// Replicas of four GPUs on nodes of three with one NIC: neighbours meet on NICs and uplinks.
TEST(Pairwise, AgreesWithAggregateUnderContention) {
  const Degrees degrees[] = {{4, 3, 1, 1, 4, 3, 1}, {4, 3, 4, 1, 4, 3, 1}, {4, 3, 2, 1, 4, 3, 1}};
  std::uint64_t number = 100;
  for (const auto& d : degrees)
    for (int i = 0; i < 3; ++i) {
      const auto scenario = draw_scenario(++number, d, "");
      SCOPED_TRACE(scenario);
      const auto results = both(scenario);
      expect_same_work(results);
      EXPECT_NEAR(results[1].simulated_s, results[0].simulated_s, 0.1 * results[0].simulated_s);
    }
}

TEST(Pairwise, ExecutorsAgreeUnderContention) {
  const auto scenario = [](const char* executor) {
    return draw_scenario(205, {4, 3, 4, 1, 4, 3, 1},
                         fmt::format("engine: {{executor: {}}}, ", executor).c_str()) +
           "pairwise}}";
  };
  const auto results = run_scenarios({scenario("lockstep"), scenario("event")});
  EXPECT_NEAR(results[1].simulated_s, results[0].simulated_s, 0.02 * results[0].simulated_s);
}

// Prompts' caches and the all-reduces of both pools cross the same NICs and spines.
TEST(Pairwise, CachesOnTheMoveContendFlowByFlow) {
  for (const char* nodes : {"", "node: hgx-h200, "}) {  // one cluster, pools on nodes of their own
    const auto scenario = [&](const char* fidelity) {
      return fmt::format(
          "{{model: {{name: olmoe-1b-7b}}, cluster: {{node: {{profile: hgx-h100, gpus: 2, nics: "
          "1}}{}}}, "
          "disaggregation: {{prefill: {{{}workers: 2, parallel: {{tensor: 2}}}}, decode: "
          "{{parallel: {{tensor: 2}}}}}}, workload: {{requests: 40, arrivals: {{type: poisson, "
          "rate: 150 /s}}, lengths: {{type: uniform, input_min: 100, input_max: 2000, output_min: "
          "2, output_max: 20}}}}, network: {{fidelity: {}}}}}",
          *nodes == 0 ? ", nodes: 4" : "", nodes, fidelity);
    };
    const auto results =
        run_scenarios({scenario("analytic"), scenario("aggregate"), scenario("pairwise")});
    const auto transfer = [&](std::size_t r) { return results[r].disaggregation->transfer_s.mean; };
    EXPECT_EQ(results[2].disaggregation->transfer_bytes, results[1].disaggregation->transfer_bytes);
    EXPECT_NEAR(transfer(2), transfer(1), 0.05 * transfer(1));
    EXPECT_GT(transfer(2), 1.02 * transfer(0)) << "caches wait for each other";
  }
}

std::string two_leaves(const char* transport, const char* links) {
  return fmt::format(
      "{{model: {{name: olmoe-1b-7b}}, cluster: {{nodes: 2, node: {{profile: hgx-h100, gpus: 4, "
      "nics: 4}}, fabric: {{type: leaf-spine, nodes_per_leaf: 1, spines: 2}}, links: [{}]}}, "
      "parallel: {{data: 8, expert: 8}}, network: {{fidelity: pairwise, transport: {}}}, workload: "
      "{{requests: 8, arrivals: at-once, lengths: {{type: fixed, input: 1000, output: 4}}}}}}",
      links, transport);
}

TEST(Pairwise, TrafficGoesOverWhatIsLeftWhenALinkFailsInMidRun) {
  for (const char* transport : {"spray", "ecmp", "planned"}) {
    SCOPED_TRACE(transport);
    const auto results = run_scenarios(
        {two_leaves(transport, ""), two_leaves(transport, "{from: leaf 0, to: spine 1, at: 10 ms}"),
         two_leaves(transport, "{from: leaf 0, to: spine 1}"),
         two_leaves(transport, "{from: leaf 0, to: spine 1, at: 1000 s}")});
    for (const auto& result : results) {
      EXPECT_EQ(result.completed, 8);
      EXPECT_NEAR(result.network->bytes, results[0].network->bytes,
                  1e-9 * results[0].network->bytes);
    }
    EXPECT_GT(results[1].simulated_s, 1.005 * results[0].simulated_s);
    EXPECT_LT(results[1].simulated_s, 0.995 * results[2].simulated_s);
    EXPECT_NEAR(results[3].simulated_s, results[0].simulated_s, 1e-9 * results[0].simulated_s);
    EXPECT_TRUE(results[3].link_events.empty());
  }
}

TEST(Pairwise, SaysWhatAFailedLinkDidToTrafficUnderWay) {
  // The whole first step computes and exchanges; some of these times fall into an exchange.
  std::vector<std::string> scenarios;
  for (int i = 1; i <= 8; ++i)
    scenarios.push_back(two_leaves(
        "spray", fmt::format("{{from: leaf 0, to: spine 1, at: {} us}}", 2000 + 331 * i).c_str()));
  std::size_t told = 0;
  for (const auto& result : run_scenarios(scenarios)) {
    told += result.link_events.empty() ? 0 : 1;
    for (const auto& event : result.link_events)
      EXPECT_NE(event.find("leaf 0 to spine 1 failed; a transfer:"), std::string::npos) << event;
  }
  EXPECT_GT(told, 0);
}

TEST(Pairwise, RefusesWhatCannotBe) {
  const auto only = test::refusal_of(two_leaves(
      "spray", "{from: leaf 0, to: spine 0, at: 1 ms}, {from: leaf 0, to: spine 1, at: 2 ms}"));
  EXPECT_NE(only.find("test.yaml:1:"), std::string::npos) << only;
  EXPECT_NE(only.find("disconnected"), std::string::npos) << only;
  auto aggregate = two_leaves("spray", "{from: leaf 0, to: spine 0, at: 1 ms}");
  aggregate.replace(aggregate.find("pairwise"), 8, "aggregate");
  EXPECT_NE(test::refusal_of(aggregate).find("fidelity: pairwise"), std::string::npos);
}

}  // namespace
}  // namespace moesim
