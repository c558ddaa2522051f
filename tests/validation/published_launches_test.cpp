// Which published launch a measured row comes from. Values of real rows.
#include "sim/cli/published_launches.hpp"

#include <gtest/gtest.h>

#include "sim/cli/measured_scenario.hpp"
#include "sim/serving/serving.hpp"

namespace moesim {
namespace {

/// DeepSeek-R1 in FP4 on B200 with TensorRT-LLM: prefill on four GPUs, decode on eight.
ServingMeasurement row(std::int64_t input, const std::string& concurrency) {
  ServingMeasurement m;
  m.id = "deepseek_r1_b200_sxm_trtllm_fp4_disagg_x_c" + concurrency + "_tp4_ep4_1";
  m.source = "source_file=2026-04-06.csv; silicon_concurrency=" + concurrency;
  m.backend = "trtllm", m.model_path = "deepseek-ai/DeepSeek-R1", m.system = "b200_sxm";
  m.precision = "fp4", m.mode = "disagg", m.gemm_format = m.moe_format = "nvfp4";
  m.input_tokens = input, m.output_tokens = 1024;
  m.prefill = {0, 0, 4, 1, 1, 1, 4};
  m.decode = {0, 0, 8, 1, 1, 2, 4};  // the expert width repeats that of the prefill workers
  m.ttft_s = 1, m.tpot_s = 0.01;
  return m;
}

TEST(PublishedLaunch, OfOneConcurrencyGivesWorkersWidthsAndSeats) {
  const auto measured = measured_scenario(row(8192, "837"));
  ASSERT_EQ(measured.left_out, "");
  EXPECT_FALSE(measured.speculating);
  const auto scenario = read_serving_scenario(measured.document);
  const auto& pools = *scenario.disaggregation;
  EXPECT_EQ(pools.prefill.workers, 4);
  EXPECT_EQ(pools.prefill.parallel.data, 4);
  EXPECT_EQ(pools.prefill.engine->max_sequences, 2);
  EXPECT_EQ(pools.prefill.engine->max_batched_tokens, 16896);
  EXPECT_EQ(pools.decode.workers, 3);
  EXPECT_EQ(pools.decode.parallel.data, 8);
  EXPECT_EQ(pools.decode.parallel.expert, 8);
  EXPECT_EQ(pools.decode.engine->max_sequences, 32);
  EXPECT_EQ(scenario.cluster.nodes, 5);
  const Serving serving(scenario, places_of(measured.document));
  EXPECT_EQ(serving.gpus(), 40);
}

TEST(PublishedLaunch, WithDraftedTokensOnlyIsTheOneThatIsSimulated) {
  const auto measured = measured_scenario(row(8192, "658"));
  ASSERT_EQ(measured.left_out, "");
  EXPECT_FALSE(measured.speculating);
  const auto scenario = read_serving_scenario(measured.document);
  EXPECT_EQ(scenario.disaggregation->decode.engine->speculation->tokens, 3);
  EXPECT_FALSE(scenario.disaggregation->prefill.engine->speculation);
}

TEST(PublishedLaunch, WithAndWithoutDraftedTokensAreBothSimulated) {
  const auto measured = measured_scenario(row(1024, "90"));
  ASSERT_EQ(measured.left_out, "");
  ASSERT_TRUE(measured.speculating);
  EXPECT_FALSE(read_serving_scenario(measured.document).disaggregation->decode.engine->speculation);
  EXPECT_TRUE(
      read_serving_scenario(*measured.speculating).disaggregation->decode.engine->speculation);
}

TEST(PublishedLaunch, IsNotGuessedWhereNoneOrSeveralMatch) {
  EXPECT_EQ(measured_scenario(row(8192, "7")).left_out,
            "disaggregated: no published launch of these workers");
  auto several = row(1024, "2048");  // one prefill worker for five decode workers, or two
  several.backend = "sglang", several.precision = "fp8";
  several.gemm_format = several.moe_format = "fp8";
  several.prefill = several.decode = {0, 0, 8, 1, 1, 1, 8};
  EXPECT_EQ(measured_scenario(several).left_out,
            "disaggregated: several published launches of this concurrency");
  several.prefill.workers = 2, several.prefill.attention_data = 8, several.prefill.tensor = 1;
  several.decode.workers = 5, several.decode.attention_data = 8, several.decode.tensor = 1;
  EXPECT_EQ(published_launch(several, 2048).left_out, "") << "recorded workers tell them apart";
}

TEST(PublishedLaunch, OfSixteenGpusSpansTwoNodes) {
  auto wide = row(1024, "9");
  wide.system = "h100_sxm", wide.precision = "fp8", wide.gemm_format = wide.moe_format = "fp8";
  wide.prefill = wide.decode = {0, 0, 16, 1, 1, 1, 16};
  const auto measured = measured_scenario(wide);
  ASSERT_EQ(measured.left_out, "");
  const auto scenario = read_serving_scenario(measured.document);
  EXPECT_EQ(scenario.cluster.nodes, 8);
  EXPECT_EQ(scenario.disaggregation->decode.engine->max_sequences, 2);
}

TEST(PublishedLaunch, SplitsExpertsOverTheDataRanksOfAPrefillWorker) {
  auto point = row(8192, "1088");
  point.precision = "fp8", point.gemm_format = point.moe_format = "fp8";
  point.prefill = point.decode = {0, 0, 8, 1, 1, 8, 1};
  const auto measured = measured_scenario(point);
  ASSERT_EQ(measured.left_out, "");
  const auto scenario = read_serving_scenario(measured.document);
  EXPECT_EQ(scenario.disaggregation->prefill.parallel.data, 8);
  EXPECT_EQ(scenario.disaggregation->prefill.parallel.expert, 1);
  EXPECT_EQ(scenario.disaggregation->prefill.parallel.moe_tensor, 8);
  EXPECT_EQ(scenario.network.dispatch.type, "allgather-reducescatter");
  EXPECT_FALSE(scenario.disaggregation->decode.parallel.moe_tensor);
  const Serving serving(scenario, places_of(measured.document));
  EXPECT_EQ(serving.gpus(), 40);
}

}  // namespace
}  // namespace moesim
