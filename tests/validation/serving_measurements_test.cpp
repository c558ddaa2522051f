// Rows of the table of measured serving points, and what becomes of them: hand-made rows after real
// ones.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "sim/cli/launch_settings.hpp"
#include "sim/cli/measured_scenario.hpp"
#include "sim/serving/serving_scenario.hpp"

namespace moesim {
namespace {

constexpr const char* kHeader =
    "id,silicon_data_source,backend,backend_version,model_path,system,precision,mode,isl,osl,gemm_"
    "quant_mode,moe_"
    "quant_mode,batch_size,"
    "tp_size,pp_size,attention_dp_size,moe_tp_size,moe_ep_size,silicon_ttft_ms,silicon_tpot_ms\n";

std::vector<ServingMeasurement> parse(const std::string& rows) {
  return parse_serving_measurements(kHeader + rows, "points.csv");
}

/// DeepSeek-R1 in FP8, tensor 8, 16 in flight.
ServingMeasurement plain() {
  return parse(
             "2026_04_06_deepseek_r1_h200_sxm_sglang_fp8_agg_1024x8192_c16_tp8_ep1_66,x.csv; "
             "silicon_concurrency=16; "
             "wip=False,sglang,0.5.9,deepseek-ai/DeepSeek-R1,h200_sxm,fp8,agg,1024,8192,fp8,"
             "fp8_block,16,8,1,1,8,1,259.5,10.25\n")
      .front();
}

ServingScenario scenario_of(const ServingMeasurement& point) {
  const auto measured = measured_scenario(point);
  EXPECT_EQ(measured.left_out, "");
  return read_serving_scenario(measured.document);
}

std::string refusal(const std::string& rows) {
  try {
    parse(rows);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ServingMeasurements, AreReadByColumnNameInSeconds) {
  const auto point = plain();
  EXPECT_EQ(point.where.line, 2);
  EXPECT_EQ(point.backend, "sglang");
  EXPECT_EQ(point.output_tokens, 8192);
  EXPECT_EQ(point.moe_tensor, 8);
  EXPECT_DOUBLE_EQ(point.ttft_s, 0.2595);
  EXPECT_DOUBLE_EQ(point.tpot_s, 0.01025);
}

TEST(ServingMeasurements, SayWhereARowIsBroken) {
  EXPECT_EQ(refusal("a,b,c\n"), "points.csv:2:5: 3 cells, but the header has 20");
  EXPECT_EQ(refusal("a,s,vllm,,m,h,fp8,agg,10x,1,,,1,1,1,1,1,1,1,1\n"),
            "points.csv:2:23: column 'isl': expected a whole number, found '10x'");
  EXPECT_EQ(refusal("a,s,vllm,,m,h,fp8,agg,10,1,,,1,1,1,1,1,1,,1\n"),
            "points.csv:2:42: column 'silicon_ttft_ms': expected a number, found an empty cell");
  EXPECT_EQ(refusal("a,s,vllm,,m,h,fp8,agg,-1,1,,,1,1,1,1,1,1,1,1\n"),
            "points.csv:2:23: column 'isl': expected a count, found '-1'");
  EXPECT_EQ(refusal("a,s,vllm,,m,h,fp8,agg,10,1,,,1,1,1,1,1,1,0,1\n"),
            "points.csv:2:42: column 'silicon_ttft_ms': expected a positive number, found '0'");
  EXPECT_EQ(refusal(""), "points.csv: no measurements in it");
  EXPECT_THROW(parse_serving_measurements("id,isl\na,1\n", "p.csv"), InputError);
}

TEST(MeasuredScenario, IsWhatAUserWouldWrite) {
  const auto scenario = scenario_of(plain());
  EXPECT_EQ(scenario.model.name, "deepseek-r1");
  EXPECT_EQ(scenario.cluster.node.profile, "hgx-h200");
  EXPECT_EQ(scenario.parallel.tensor, 8);
  EXPECT_EQ(scenario.parallel.data, 1);
  EXPECT_EQ(scenario.parallel.expert, 1);
  EXPECT_EQ(scenario.workload.requests, 2 * 16);
  EXPECT_EQ(scenario.workload.arrivals->make({1})->concurrency(), 16);
  EXPECT_EQ(scenario.workload.lengths->make({1})->at(7).input, 1024);
  EXPECT_EQ(scenario.workload.lengths->make({1})->at(7).output, 8192);
  EXPECT_EQ(scenario.engine.max_sequences, 16);
  EXPECT_EQ(scenario.model.dtype.weights, Dtype::fp8);
  EXPECT_EQ(scenario.model.dtype.experts, Dtype::fp8);
}

TEST(MeasuredScenario, ReadsAWidthRecordedAsTensorTimesExpertFromTheId) {
  auto point = plain();
  point.id = "2026_04_06_deepseek_r1_h200_sxm_trtllm_fp8_agg_1024x1024_c16_tp8_ep8_922";
  point.source = "source_file=2026-04-06.csv; silicon_concurrency=16";
  point.tensor = 64, point.moe_tensor = 8, point.moe_expert = 8;
  EXPECT_EQ(scenario_of(point).parallel.tensor, 8);
  EXPECT_EQ(scenario_of(point).parallel.expert, 8);
  point.id = "2026_04_06_gpt_oss_120b_h200_sxm_trtllm_fp4_agg_8192x1024_c16_tp2_ep2_927";
  point.tensor = 4, point.moe_tensor = 2, point.moe_expert = 2;
  EXPECT_EQ(scenario_of(point).parallel.tensor, 2);  // not the 4 of the column
  EXPECT_EQ(scenario_of(point).parallel.expert, 2);
}

TEST(MeasuredScenario, TakesAMixedWidthAsItIsWhereTheIdAgrees) {
  auto point = plain();
  point.id = "qwen_qwen3_235b_a22b_fp8_h100_sxm_trtllm_agg_128x128_c16_tp4_epnone_28";
  point.tensor = 4, point.attention_data = 0, point.moe_tensor = 2, point.moe_expert = 2;
  EXPECT_EQ(scenario_of(point).parallel.tensor, 4);
  EXPECT_EQ(scenario_of(point).parallel.expert, 2);
}

TEST(MeasuredScenario, ReadsTheProductOfInferenceMaxWithoutAnId) {
  auto point = plain();
  point.id = "dsr1_b200_sglang_fp4_agg_1024x8192_c16_cfg201";
  point.source = "db-dump/2026-04-27; config_id=201; silicon_concurrency=16";
  point.tensor = 64, point.moe_tensor = 8, point.moe_expert = 8;
  EXPECT_EQ(scenario_of(point).parallel.tensor, 8);
  EXPECT_EQ(scenario_of(point).parallel.expert, 8);
  point.tensor = 1, point.attention_data = 64;  // attention data-parallel
  const auto parallel = scenario_of(point).parallel;
  EXPECT_EQ(parallel.tensor, 1);
  EXPECT_EQ(parallel.data, 8);
  EXPECT_EQ(parallel.expert, 8);
  EXPECT_FALSE(parallel.moe_tensor);
  point.id = "2026_04_06_deepseek_r1_b200_sxm_trtllm_fp4_agg_1024x8192_c16_tp4_ep8_972";
  EXPECT_EQ(measured_scenario(point).left_out,
            "GPU count ambiguous: the columns and the id disagree");
}

TEST(MeasuredScenario, TakesAttentionDataParallelismOnlyWhereColumnsAndIdAgree) {
  auto point = plain();
  point.id = "2026_03_25_deepseek_r1_h200_sxm_trtllm_fp8_agg_1024x8192_c16_tp8_0_ep8_0_1238";
  point.tensor = 1, point.attention_data = 8, point.moe_tensor = 1, point.moe_expert = 8,
  point.batch = 2;
  const auto parallel = scenario_of(point).parallel;
  EXPECT_EQ(parallel.tensor, 1);
  EXPECT_EQ(parallel.data, 8);
  EXPECT_EQ(parallel.expert, 8);
  point.attention_data = 16;
  EXPECT_EQ(measured_scenario(point).left_out,
            "GPU count ambiguous: the columns and the id disagree");
}

TEST(MeasuredScenario, SplitsExpertsOverDataRanksAsRecorded) {
  auto point = plain();
  point.id = "2026_04_06_gpt_oss_120b_b200_sxm_trtllm_fp4_agg_1024x1024_c16_tp4_ep1_390";
  point.tensor = 1, point.attention_data = 4, point.moe_tensor = 4, point.moe_expert = 1,
  point.batch = 4;
  const auto scenario = scenario_of(point);
  EXPECT_EQ(scenario.parallel.data, 4);
  EXPECT_EQ(scenario.parallel.moe_tensor, 4);
  EXPECT_EQ(scenario.network.dispatch.type, "allgather-reducescatter");
}

TEST(MeasuredScenario, TakesExpertsWiderThanAttentionAsDataRanksOfVllmAlone) {
  auto point = plain();
  point.id = "qwen_qwen3_235b_a22b_fp8_h200_sxm_vllm_agg_2000x100_c16_tp1_epnone_11";
  point.model_path = "Qwen/Qwen3-235B-A22B-FP8", point.backend = "vllm";
  point.tensor = 1, point.attention_data = 0, point.moe_tensor = 2, point.moe_expert = 1;
  const auto parallel = scenario_of(point).parallel;
  EXPECT_EQ(parallel.tensor, 1);
  EXPECT_EQ(parallel.data, 2);
  EXPECT_EQ(parallel.moe_tensor, 2);
  point.backend = "sglang";
  EXPECT_EQ(measured_scenario(point).left_out,
            "GPU count ambiguous: attention and experts have different widths");
}

TEST(MeasuredScenario, HasTheLaunchOfItsVersionDraftsAndWidth) {
  auto point = plain();
  point.id = "dsr1_b200_trtllm_fp8_agg_1024x1024_c16_cfg75", point.output_tokens = 1024;
  point.source = "db-dump; silicon_concurrency=16";
  point.backend = "trtllm", point.system = "b200_sxm", point.version = "1.2.0rc6";
  const auto settings = [&](std::int64_t tensor, std::int64_t concurrency, std::int64_t drafted) {
    return launch_settings(point, "deepseek-r1", tensor, concurrency, drafted);
  };
  EXPECT_EQ(settings(8, 16, 0).max_batched_tokens, 8192);
  EXPECT_EQ(settings(8, 16, 3).max_batched_tokens, 1152);   // 4 x 16 + 1024 + 64, up to 64s
  EXPECT_EQ(settings(1, 128, 1).max_batched_tokens, 1152);  // 2 x 128 / 8 + 1024 + 64
  EXPECT_EQ(settings(8, 16, 0).kernels, "sglang");
  EXPECT_EQ(settings(1, 16, 0).kernels, "");
  EXPECT_FALSE(settings(8, 16, 0).piecewise_graphs);
  EXPECT_TRUE(settings(8, 64, 0).piecewise_graphs);
  EXPECT_TRUE(settings(8, 16, 3).piecewise_graphs);
  EXPECT_EQ(settings(8, 64, 0).batch_wait_steps, 40);
  EXPECT_EQ(settings(8, 64, 3).batch_wait_steps, 0);
  EXPECT_EQ(may_draft(point, "deepseek-r1", 8), 3);
  EXPECT_EQ(may_draft(point, "deepseek-r1", 1), 1);
  EXPECT_EQ(pool_kernels(point, false), "sglang");
  EXPECT_EQ(pool_kernels(point, true), "");
  point.version = "1.1.0rc2";
  EXPECT_EQ(settings(8, 16, 3).max_batched_tokens, 8192);
  EXPECT_EQ(settings(8, 16, 0).kernels, "");
}

TEST(MeasuredScenario, LeavesKeysAndValuesTheShareOfFreeMemoryThatTheLaunchSays) {
  auto point = plain();
  point.id = "dsr1_b200_trtllm_fp8_agg_1024x1024_c16_cfg75", point.output_tokens = 1024;
  point.source = "db-dump; silicon_concurrency=16", point.precision = "fp8";
  point.backend = "trtllm", point.system = "b200_sxm", point.version = "1.2.0rc6";
  const auto share = [&](std::int64_t tensor) {
    return launch_settings(point, "deepseek-r1", tensor, 16, 0).free_share;
  };
  EXPECT_EQ(share(8), 0.8);
  point.input_tokens = 8192;
  EXPECT_EQ(share(8), 0.8);
  EXPECT_EQ(share(4), 0.75);
  point.version = "1.1.0rc2";
  EXPECT_EQ(share(8), 0) << "other scripts, not read";
}

TEST(MeasuredScenario, StartsTheExpertsOfGptOssOnHopperFromPython) {
  auto point = plain();
  point.backend = "trtllm", point.model_path = "openai/gpt-oss-120b";
  point.source = "db-dump; silicon_concurrency=16";
  EXPECT_EQ(scenario_of(point).engine.profile, "trtllm-triton");
  EXPECT_GT(scenario_of(point).engine.experts_launch_time.value_or(Seconds(0)), Seconds(0));
  EXPECT_EQ(scenario_of(point).engine.launch_time,
            read_serving_scenario(
                parse_yaml("{model: {name: gpt-oss-120b}, cluster: {node: hgx-h200}, workload: "
                           "{arrivals: at-once, lengths: {type: fixed, input: 10, output: 10}}, "
                           "engine: {profile: trtllm}}",
                           "test"))
                .engine.launch_time)
      << "the same engine but for that";
  point.system = "b200_sxm";
  EXPECT_EQ(scenario_of(point).engine.profile, "trtllm");
}

TEST(MeasuredScenario, IgnoresTheExpertColumnsOfADenseModel) {
  auto point = plain();
  point.id = "qwen_qwen3_32b_h100_sxm_trtllm_agg_1024x128_c16_tp4_epnone_1";
  point.model_path = "Qwen/Qwen3-32B", point.gemm_format = "", point.moe_format = "";
  point.tensor = 4, point.attention_data = 0, point.moe_tensor = 1;
  const auto scenario = scenario_of(point);
  EXPECT_EQ(scenario.parallel.tensor, 4);
  EXPECT_FALSE(scenario.model.dtype.weights.has_value());  // the checkpoint's
}

TEST(MeasuredScenario, HasTheTokenBudgetOfItsSource) {
  auto point = plain();
  EXPECT_EQ(scenario_of(point).engine.max_batched_tokens, 8192);
  point.backend = "trtllm";
  auto engine = scenario_of(point).engine;
  EXPECT_EQ(engine.profile, "trtllm");
  EXPECT_EQ(engine.max_batched_tokens, 16 + 1024 + 1500) << "aiconfigurator's rule";
  point.backend = "vllm";
  engine = scenario_of(point).engine;
  EXPECT_EQ(engine.profile, "vllm-synchronous");
  EXPECT_EQ(engine.max_batched_tokens, 16 + 1024 + 1500);
  EXPECT_GT(engine.sequence_time.value_or(Seconds(0)), Seconds(0));
  point.source = "db-dump; silicon_concurrency=16";
  EXPECT_EQ(scenario_of(point).engine.profile, "vllm");
  EXPECT_EQ(scenario_of(point).engine.max_batched_tokens, 8192);
}

TEST(MeasuredScenario, MixesChunksWhereTheGeneratorOfTheLaunchDoes) {
  auto point = plain();
  const auto scheduler = [&] {
    return to_yaml(Value<Choice<Scheduler>>::write(scenario_of(point).engine.scheduler));
  };
  point.version = "0.5.6.post2";
  EXPECT_NE(scheduler().find("mixed_chunk: true"), std::string::npos) << scheduler();
  EXPECT_NE(scheduler().find("max_prefill_tokens: 2524"), std::string::npos) << scheduler();
  point.version = "0.5.1.post1";
  EXPECT_NE(scheduler().find("mixed_chunk: false"), std::string::npos) << scheduler();
  point.version = "0.5.6.post2";
  point.source = "db-dump; silicon_concurrency=16";
  EXPECT_NE(scheduler().find("mixed_chunk: false"), std::string::npos) << scheduler();
}

TEST(MeasuredScenario, StreamsTheFirstTokenFromTensorRtLlm12On) {
  auto point = plain();
  point.backend = "trtllm";
  point.source = "db-dump; silicon_concurrency=16";
  for (const auto& [version, first] : std::vector<std::pair<std::string, bool>>{
           {"", false}, {"1.1.0rc2", false}, {"1.2.0rc6", true}}) {
    point.version = version;
    const auto engine = scenario_of(point).engine;
    EXPECT_EQ(engine.stream_interval, 10) << version;
    EXPECT_EQ(engine.stream_first, first) << version;
  }
}

TEST(MeasuredScenario, TakesFp4AsNvfp4ExceptForGptOss) {
  auto point = plain();
  point.gemm_format = point.moe_format = "nvfp4";
  EXPECT_EQ(scenario_of(point).model.dtype.weights, Dtype::nvfp4);
  EXPECT_EQ(scenario_of(point).model.dtype.experts, Dtype::nvfp4);
  point.model_path = "openai/gpt-oss-120b";
  EXPECT_FALSE(scenario_of(point).model.dtype.weights.has_value());
  EXPECT_FALSE(scenario_of(point).model.dtype.experts.has_value());
}

TEST(MeasuredScenario, NeedsAConcurrencyThatIdAndSourceAgreeOn) {
  auto point = plain();
  EXPECT_EQ(concurrency_of(point), 16);
  point.source = "measured=2026-01-23";
  EXPECT_EQ(concurrency_of(point), std::nullopt);
  EXPECT_EQ(measured_scenario(point).left_out, "no concurrency recorded");
  point.source = "silicon_concurrency=32";
  EXPECT_EQ(concurrency_of(point), std::nullopt);
  point.source = "silicon_concurrency=99999999999999999999";
  EXPECT_EQ(concurrency_of(point), std::nullopt);
}

TEST(MeasuredScenario, GivesEveryOtherReason) {
  std::set<std::string> reasons;
  const auto reason = [&](auto change) {
    auto point = plain();
    change(point);
    const auto why = measured_scenario(point).left_out;
    EXPECT_NE(why, "");
    EXPECT_TRUE(reasons.insert(why).second) << why;
  };
  reason([](auto& p) { p.mode = "disagg"; });
  reason([](auto& p) { p.mode = "batch"; });
  reason([](auto& p) { p.model_path = "someone/else"; });
  reason([](auto& p) { p.system = "l40s"; });
  reason([](auto& p) { p.pipeline = 2; });
  reason([](auto& p) { p.output_tokens = 1; });
  reason([](auto& p) { p.batch = 4; });
  reason([](auto& p) { p.gemm_format = "int3"; });
  reason([](auto& p) { p.id = "x_c16_cfg1", p.tensor = p.moe_tensor = 16; });
}

TEST(MeasuredScenario, RunsAllTenRoundsWhereOutputsAreShort) {
  EXPECT_EQ(rounds_of(128, 0), 10);
  EXPECT_EQ(rounds_of(1024, 0), 2);
  EXPECT_EQ(rounds_of(512, 0), 4);
  EXPECT_EQ(rounds_of(8192, 0), 2);
  EXPECT_EQ(rounds_of(8192, 10), 10);
}

}  // namespace
}  // namespace moesim
