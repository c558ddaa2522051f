// Rows of disaggregated serving: two pools as recorded, or why not. Values of real rows.
#include <gtest/gtest.h>

#include "sim/cli/measured_scenario.hpp"
#include "sim/serving/serving.hpp"

namespace moesim {
namespace {

/// DeepSeek-R1 on H200: one prefill worker DP8 EP8, seven decode workers of eight GPUs.
ServingMeasurement one_to_seven() {
  ServingMeasurement m;
  m.id = "dsr1_h200_trtllm_fp8_disagg_8192x1024_c28_cfg297";
  m.source = "db-dump/2026-04-27; config_id=297; silicon_concurrency=28";
  m.backend = "trtllm", m.model_path = "deepseek-ai/DeepSeek-V3", m.system = "h200_sxm";
  m.mode = "disagg", m.gemm_format = m.moe_format = "fp8";
  m.input_tokens = 8192, m.output_tokens = 1024;
  m.prefill = {1, 1, 1, 1, 8, 1, 8};
  m.decode = {4, 7, 8, 1, 1, 1, 8};
  m.ttft_s = 1.095, m.tpot_s = 0.0138;
  return m;
}

TEST(MeasuredPools, AreTheRecordedWorkersOnWholeNodes) {
  const auto measured = measured_scenario(one_to_seven());
  ASSERT_EQ(measured.left_out, "");
  const auto scenario = read_serving_scenario(measured.document);
  const auto& pools = *scenario.disaggregation;
  EXPECT_EQ(pools.prefill.workers, 1);
  EXPECT_EQ(pools.prefill.parallel.data, 8);
  EXPECT_EQ(pools.prefill.parallel.expert, 8);
  EXPECT_EQ(pools.decode.workers, 7);
  EXPECT_EQ(pools.decode.parallel.tensor, 8);
  EXPECT_EQ(pools.decode.engine->max_sequences, 28);
  EXPECT_EQ(scenario.cluster.nodes, 8);
  EXPECT_EQ(measured.concurrency, 28);
  const Serving serving(scenario, places_of(measured.document));
  EXPECT_EQ(serving.gpus(), 64);
}

TEST(MeasuredPools, GatherTokensUnlessTheRecipeForcesAnAllToAll) {
  const auto gathered = measured_scenario(one_to_seven());
  EXPECT_EQ(read_serving_scenario(gathered.document).network.dispatch.type,
            "allgather-reducescatter");
  EXPECT_TRUE(
      read_serving_scenario(gathered.document).disaggregation->transfer.overlap.value_or(true));
  auto point = one_to_seven();  // an H100 recipe: 16 GPUs a worker, three decode workers
  point.id = "dsr1_h100_trtllm_fp8_disagg_1024x1024_c924_cfg494";
  point.source = "silicon_concurrency=924", point.system = "h100_sxm", point.precision = "fp8";
  point.input_tokens = 1024;
  point.prefill = {1, 1, 1, 1, 16, 1, 16};
  point.decode = {16, 3, 1, 1, 16, 1, 16};
  const auto forced = measured_scenario(point);
  ASSERT_EQ(forced.left_out, "");
  const auto scenario = read_serving_scenario(forced.document);
  EXPECT_EQ(scenario.network.dispatch.type, "all-to-all");
  EXPECT_FALSE(scenario.disaggregation->transfer.overlap.value_or(true));
  EXPECT_FALSE(scenario.disaggregation->prefill.engine->asynchronous_scheduling.value_or(true));
  EXPECT_TRUE(scenario.disaggregation->decode.engine->asynchronous_scheduling.value_or(false));
}

TEST(MeasuredPools, AreLeftOutWhereTheTableDoesNotSayWhatTheyAre) {
  const auto reason = [](auto change) {
    auto point = one_to_seven();
    change(point);
    return measured_scenario(point).left_out;
  };
  EXPECT_EQ(reason([](auto& p) { p.decode.workers = 0; }),
            "disaggregated: number of workers not recorded");
  EXPECT_EQ(reason([](auto& p) { p.prefill.pipeline = 2; }),
            "disaggregated: pipeline width ambiguous");
  EXPECT_EQ(reason([](auto& p) { p.decode.moe_expert = 4; }),
            "disaggregated: attention and experts have different widths");
  EXPECT_EQ(reason([](auto& p) { p.prefill.tensor = 0; }), "disaggregated: no widths recorded");
  EXPECT_EQ(reason([](auto& p) { p.decode.batch = 5; }),
            "batch size and concurrency disagree (replicas that the table does not describe)");
}

}  // namespace
}  // namespace moesim
