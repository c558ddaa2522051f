// What cannot be combined with pools is refused where it was written, with what to do instead.
#include <gtest/gtest.h>

#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

using test::refusal_of;

std::string scenario(const std::string& pools, const std::string& more = "") {
  return "model: {name: olmoe-1b-7b}\n"
         "cluster: {node: hgx-h100}\n"
         "workload: {requests: 1, arrivals: at-once, lengths: {type: fixed, input: 9, output: "
         "2}}\n" +
         pools + "\n" + more;
}

const char* const kPools =
    "disaggregation: {prefill: {parallel: {tensor: 4}}, decode: {parallel: {tensor: 4}}}";

void expect_refused(const std::string& text, const std::string& place, const std::string& what) {
  const auto error = refusal_of(text);
  EXPECT_TRUE(error.starts_with("test.yaml:" + place + ": ")) << error;
  EXPECT_NE(error.find(what), std::string::npos) << error;
}

TEST(DisaggregationRefusals, TwoPoolsOnOneNodeAreFine) {
  EXPECT_EQ(refusal_of(scenario(kPools)), "");
}

TEST(DisaggregationRefusals, ALayoutOutsideThePools) {
  expect_refused(scenario(kPools, "parallel: {tensor: 8}\n"), "5:11",
                 "did you mean disaggregation.decode.parallel?");
}

TEST(DisaggregationRefusals, AnExpertCache) {
  expect_refused(scenario(kPools,
                          "cache: {slots_per_layer: 8, tiers: [{name: host, capacity: 256 GiB, "
                          "bandwidth: 25 GB/s}]}\n"),
                 "5:8", "leave one of them out");
}

TEST(DisaggregationRefusals, ABalancer) {
  expect_refused(scenario(kPools, "routing: {balancer: eplb}\n"), "5:21", "use balancer none");
}

TEST(DisaggregationRefusals, PipelineStages) {
  expect_refused(scenario("disaggregation: {prefill: {parallel: {pipeline: 2}}, decode: {}}"),
                 "4:49", "did you mean 'tensor' or 'expert'?");
}

TEST(DisaggregationRefusals, MoreGpusThanTheClusterHas) {
  expect_refused(scenario("disaggregation: {prefill: {parallel: {tensor: 4}}, decode: {workers: 2, "
                          "parallel: {tensor: 8}}}"),
                 "4:17", "set cluster.nodes to at least 3");
}

TEST(DisaggregationRefusals, LinkConditionsOfNoKnownCluster) {
  expect_refused(
      "model: {name: olmoe-1b-7b}\n"
      "cluster: {node: hgx-h100, links: [{from: leaf 0, to: spine 0, speed: 0.5}]}\n"
      "workload: {arrivals: at-once, lengths: {type: fixed, input: 9, output: 2}}\n"
      "disaggregation: {prefill: {}, decode: {node: hgx-h200}}\n",
      "2:34", "leave out the node of the pools");
}

TEST(DisaggregationRefusals, AMistypedKeyInAPool) {
  expect_refused(scenario("disaggregation: {prefill: {worker: 2}, decode: {}}"), "4:28",
                 "did you mean 'workers'?");
}

TEST(DisaggregationRefusals, ADecodePoolThatDoesNotDivideTheModel) {
  const auto error = refusal_of(scenario(
      "disaggregation: {prefill: {parallel: {tensor: 2}}, decode: {parallel: {tensor: 3}}}"));
  EXPECT_TRUE(error.starts_with("test.yaml:4:60: impossible parallelism")) << error;
}

TEST(DisaggregationRefusals, ExpertsSplitOverDataRanksWithoutGathering) {
  const auto error = refusal_of(
      scenario("disaggregation: {prefill: {parallel: {data: 2, moe_tensor: 2}}, decode: {}}"));
  EXPECT_TRUE(error.starts_with("test.yaml:4:")) << error;
  EXPECT_NE(error.find("network.dispatch 'all-to-all' sends a token to single ranks; did you mean "
                       "'allgather-reducescatter'?"),
            std::string::npos)
      << error;
}

TEST(DisaggregationRefusals, RequestsThatNoPoolCanHold) {
  EXPECT_NE(refusal_of(scenario("disaggregation: {prefill: {}, decode: {engine: {max_model_length: "
                                "10}}}"))
                .find("no request can be served"),
            std::string::npos);
}

}  // namespace
}  // namespace moesim
