// Tables of others: what is refused, what a fit recovers, and that what ships can be read.
#include <gtest/gtest.h>

#include <cmath>

#include "calibrate/aiconfigurator.hpp"
#include "calibrate/fit.hpp"
#include "calibrate/profile_fit.hpp"
#include "models/cost/predict.hpp"
#include "models/cost/profile_catalogue.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"

namespace moesim {
namespace {

std::string refusal(const std::string& text) {
  Measured measured;
  try {
    measured.add(parse_csv(text, "t.csv"));
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ImportTable, RefusesColumnsOfNoKnownTable) {
  EXPECT_NE(refusal("a,b\n1,2\n").find("belong to no known table"), std::string::npos);
}

TEST(ImportTable, RefusesATableWithoutRows) {
  EXPECT_NE(refusal("gemm_dtype,m,n,k,latency\n").find("no rows"), std::string::npos);
}

TEST(ImportTable, SaysWhereATimeIsNotPositive) {
  const auto said = refusal("gemm_dtype,m,n,k,latency\nbfloat16,1,2,3,-1\n");
  EXPECT_NE(said.find("t.csv:2:"), std::string::npos) << said;
  EXPECT_NE(said.find("positive"), std::string::npos) << said;
}

TEST(ImportTable, CountsFormatsItDoesNotKnow) {
  const auto imported =
      import_gemm(parse_csv("gemm_dtype,m,n,k,latency\nfp3,1,2,3,1\nfp8,1,2,3,1\n", "t.csv"));
  EXPECT_EQ(imported.samples.size(), 1u);
  EXPECT_EQ(imported.left_out.at("number format 'fp3'"), 1);
}

TEST(ImportTable, LeavesOutSglangRowsWithExpertParallelism) {
  const std::string head =
      "kernel_source,moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,moe_tp_size,"
      "moe_ep_size,distribution,latency\n";
  const auto imported = import_experts(
      parse_csv(head + "sglang_fused_moe_triton,fp8_block,8,4096,1536,8,128,1,2,balanced,0.1\n" +
                    "sglang_fused_moe_triton,fp8_block,8,4096,1536,8,128,1,1,balanced,0.1\n",
                "t.csv"));
  ASSERT_EQ(imported.samples.size(), 1u);
  std::int64_t assigned = 0;
  for (const auto count : imported.samples.front().tokens_per_expert) assigned += count;
  EXPECT_EQ(assigned, 64);  // 8 tokens x 8 choices
}

TEST(ImportTable, OnePointIsNoFit) {
  const auto device = load_device(data_path("models/device"), "h100-sxm");
  Measured measured;
  measured.add(parse_csv("gemm_dtype,m,n,k,latency\nbfloat16,1,2,3,1\n", "t.csv"));
  EXPECT_THROW(fit_profile(measured, device, [](const std::string&) {}), InputError);
  EXPECT_THROW(fit_gemm(measured.gemm, device), InputError);
}

TEST(GemmFit, RecoversTheFormThatMadeTheTimes) {
  const auto device = load_device(data_path("models/device"), "h100-sxm");
  GemmForm truth;
  truth.floor_s = 5e-6, truth.compute = 0.6, truth.memory = 0.7, truth.norm = 3;
  std::vector<GemmSample> samples;
  for (const std::int64_t m : {1, 8, 64, 256, 1024, 4096, 8192})
    for (const std::int64_t n : {512, 2048, 8192})
      for (const std::int64_t k : {1024, 4096, 16384}) {
        GemmSample s{{Dtype::bf16, "bfloat16", ""}, m, n, k, 0, 0};
        s.time_s = truth.time_s(gemm_work({m, n, k, Dtype::bf16, Dtype::bf16}),
                                peaks_of(device, Dtype::bf16));
        samples.push_back(s);
      }
  const auto fit = fit_gemm(samples, device);
  for (const auto& s : samples) {
    const auto p =
        predict(fit, peaks_of(device, fit), {s.m, s.n, s.k, Dtype::bf16, Dtype::bf16}, false);
    EXPECT_NEAR(p.time.value / s.time_s, 1, 0.02) << s.m << " " << s.n << " " << s.k;
  }
}

TEST(ShippedProfile, ReadsBackToTheSameText) {
  EXPECT_GE(profile_names().size(), 7u);
  for (const auto& name : profile_names()) {
    auto profile = read_profile(profile_file(name));
    EXPECT_EQ(profile.name, name);
    const auto grids = residual_text(profile);
    add_residuals(profile, grids, name);
    EXPECT_EQ(residual_text(profile), grids) << name;
  }
}

TEST(ResidualFile, SaysWhichLineIsMalformed) {
  auto profile = read_profile(profile_file("h100-sxm.vllm-0.24.0"));
  for (const auto* text :
       {"nothing,0\n", "experts,99,1,2,3\n", "experts,0,1,2,3,4:5\n", "gemm\n"}) {
    try {
      add_residuals(profile, text, "x.residual.csv");
      ADD_FAILURE() << text;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("x.residual.csv:1"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace moesim
