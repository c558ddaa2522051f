// Tables of others: what is refused, what a fit recovers, and that what ships can be read.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "calibrate/aiconfigurator.hpp"
#include "calibrate/fit.hpp"
#include "calibrate/imbalance_check.hpp"
#include "calibrate/missed_tactics.hpp"
#include "calibrate/power_law_draws.hpp"
#include "calibrate/profile_fit.hpp"
#include "calibrate/repeated_work.hpp"
#include "calibrate/residual_grids.hpp"
#include "models/cost/kernel_choice.hpp"
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

ExpertsSample experts_row(const std::string& distribution, std::vector<std::int32_t> counts,
                          double time_s, std::int64_t intermediate = 1024) {
  ExpertsSample s;
  s.format = {Dtype::bf16, "bfloat16", "k"};
  s.hidden = 2048, s.intermediate = intermediate, s.topk = 2;
  s.experts = std::ssize(counts);
  s.distribution = distribution;
  for (const auto count : counts) s.tokens += count;
  s.tokens /= s.topk;
  s.tokens_per_expert = std::move(counts);
  s.time_s = time_s;
  return s;
}

TEST(MissedTactics, AreRowsSlowerThanTwiceABalancedLayerWithMoreWork) {
  Imported<ExpertsSample> table;
  table.samples = {experts_row("balanced", {8, 8, 8, 8}, 1.0),
                   experts_row("power_law_1.2", {20, 6, 4, 2}, 1.9),   // skew has its price
                   experts_row("power_law_1.01", {16, 8, 6, 2}, 2.1),  // nothing explains this
                   experts_row("power_law_1.2", {40, 16, 6, 2}, 9.0),  // more rows: not comparable
                   experts_row("balanced", {4, 4, 4, 4}, 2.5)};        // half the rows, slower
  leave_out_missed_tactics(table);
  ASSERT_EQ(table.samples.size(), 3u);
  EXPECT_EQ(table.samples[1].time_s, 1.9);
  EXPECT_EQ(table.samples[2].time_s, 9.0);
  EXPECT_EQ(table.left_out.size(), 1u);
  EXPECT_EQ(table.left_out.begin()->second, 2);
}

/// Rows of four shapes whose times are `of_shape(intermediate)` times the form's.
template <class Factor>
std::vector<ExpertsSample> shapes_off_by(const Peaks& peaks, Factor of_shape) {
  const ExpertsForm form;
  std::vector<ExpertsSample> samples;
  for (const std::int64_t intermediate : {512, 640, 768, 896, 1024, 1280})
    for (const std::int32_t rows : {1, 4, 16, 64, 256}) {
      auto s = experts_row("balanced", std::vector<std::int32_t>(8, rows), 0, intermediate);
      const auto work = s.work();
      s.time_s =
          form.time_s(experts_work(work, expert_load(work.tokens_per_expert, form.tile)), peaks) *
          of_shape(intermediate);
      samples.push_back(s);
    }
  return samples;
}

TEST(ShareOfNeighbours, IsHighWhereShapesErrAlikeAndNothingWhereTheyErrAtRandom) {
  const auto peaks = peaks_of(load_device(data_path("models/device"), "h100-sxm"), Dtype::bf16);
  const auto alike = shapes_off_by(peaks, [](std::int64_t) { return 1.3; });
  EXPECT_GT(share_of_neighbours(alike, {}, peaks), 0.9);
  const auto opposed = shapes_off_by(
      peaks, [](std::int64_t intermediate) { return intermediate % 256 == 0 ? 1.3 : 1 / 1.3; });
  EXPECT_LT(share_of_neighbours(opposed, {}, peaks), 0.2);
}

TEST(ShareOfNeighbours, IsAllOfItWhereThereIsOneShape) {
  const auto peaks = peaks_of(load_device(data_path("models/device"), "h100-sxm"), Dtype::bf16);
  auto one_shape = shapes_off_by(peaks, [](std::int64_t) { return 1.3; });
  one_shape.resize(5);
  EXPECT_EQ(share_of_neighbours(one_shape, {}, peaks), 1);
}

TEST(RepeatedWork, SaysWhatNoPredictionCanBeBetterThan) {
  std::vector<ExpertsSample> rows = {experts_row("balanced", {8, 8, 4, 4}, 1.0),
                                     experts_row("balanced", {4, 8, 4, 8}, 3.0),  // the same
                                     experts_row("balanced", {8, 8, 8, 4}, 9.0),  // more rows
                                     experts_row("power_law_1.2", {8, 8, 4, 4}, 9.0),
                                     experts_row("balanced", {8, 8, 4, 4}, 9.0, 512)};
  rows[1].experts = 8;
  const auto least = least_errors(rows);
  ASSERT_EQ(least.size(), 1u);
  EXPECT_NEAR(least[0], 0.5, 1e-12);  // 1.5 is 50 % above the one and 50 % below the other

  std::vector<AttentionSample> attention(3);
  for (auto& s : attention) s.shape.heads = 8, s.batch = 4, s.length = 128, s.time_s = 2;
  attention[1].time_s = 3, attention[2].length = 256;
  ASSERT_EQ(least_errors(attention).size(), 1u);
  EXPECT_NEAR(least_errors(attention)[0], 0.2, 1e-12);
}

/// One layer with 1 to 64 rows of an expert, `log_ratio(rows)` above the form.
template <class LogRatio>
double steps_where(LogRatio log_ratio) {
  const ExpertsForm form;
  const auto peaks = peaks_of(load_device(data_path("models/device"), "h100-sxm"), Dtype::bf16);
  std::vector<ExpertsSample> samples;
  for (const std::int32_t rows : {1, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64}) {
    auto s = experts_row("balanced", std::vector<std::int32_t>(8, rows), 0);
    const auto load = expert_load(s.tokens_per_expert, form.tile);
    s.time_s = std::exp(log_ratio(rows)) * form.time_s(experts_work(s.work(), load), peaks);
    samples.push_back(std::move(s));
  }
  return share_of_steps(samples, form, peaks);
}

TEST(ShareOfSteps, IsWhatLeftOutTokenCountsSay) {
  EXPECT_EQ(steps_where([](double rows) { return 0.2 * std::ceil(std::log2(rows)); }), 1);
  EXPECT_EQ(steps_where([](double rows) { return 0.2 * std::log2(rows); }), 0);
}

TEST(KernelChoice, TakesTheFastestKernelForTheRowsAtHand) {
  const auto peaks = peaks_of(load_device(data_path("models/device"), "h100-sxm"), Dtype::bf16);
  ExpertsFit small, large;  // a low floor; a high one with twice the arithmetic
  small.form.floor_s = 1e-6, small.form.compute = 0.2;
  large.form.floor_s = 1e-4, large.form.compute = 0.8;
  const std::vector<const ExpertsFit*> fits = {&large, &small};
  const KernelChoice choice;
  const auto chosen = [&](std::int32_t rows) {
    const std::vector<std::int32_t> counts(8, rows);
    ExpertWork work;
    work.hidden = 4096, work.intermediate = 4096, work.tokens = 8 * rows;
    work.tokens_per_expert = counts;
    return &choice.of(fits, peaks, work);
  };
  EXPECT_EQ(chosen(1), &small);
  EXPECT_EQ(chosen(4096), &large);
  EXPECT_EQ(chosen(1), &small);
}

TEST(KernelChoice, IsMadeForEachModelThoughARankHoldsTheSameExperts) {
  const auto peaks = peaks_of(load_device(data_path("models/device"), "h100-sxm"), Dtype::bf16);
  const auto fit = [](float ratio_of_one, float ratio_of_other) {
    const auto constant = [](float ratio) {
      return ExpertsResidual::Curves{{{0.F, 0.F, 0.F, ratio}, {20.F, 20.F, 2.F, ratio}}};
    };
    ExpertsFit made;
    made.form.floor_s = 1e-6, made.form.compute = 0.5;
    made.residual = {{{{4096, 4096, 8, 64, 4}, constant(ratio_of_one)},
                      {{4096, 4096, 8, 128, 8}, constant(ratio_of_other)}},
                     {}};
    return made;
  };
  const auto first = fit(-0.5F, 0.5F), second = fit(0.5F, -0.5F);
  const std::vector<const ExpertsFit*> fits = {&first, &second};
  const KernelChoice choice;
  const auto chosen = [&](std::int64_t experts, std::int64_t topk) {
    const std::vector<std::int32_t> counts(8, 4);
    ExpertWork work;
    work.hidden = 4096, work.intermediate = 4096, work.tokens = 32;
    work.experts = experts, work.topk = topk;
    work.tokens_per_expert = counts;
    return &choice.of(fits, peaks, work);
  };
  EXPECT_EQ(chosen(64, 4), &first);
  EXPECT_EQ(chosen(128, 8), &second);
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
  for (const auto* text : {"nothing,0\n", "experts,99,1,2,3\n", "experts,0,1,2,3,0,5\n",
                           "experts,0,1,2,3:4,0,5\n", "experts,0,1,2,3:0:1,0,5\n", "loads,0,4:5\n",
                           "loads,0,4:5:6:7:8\n", "loads,1,4:5:6\n", "gemm\n"}) {
    try {
      add_residuals(profile, text, "x.residual.csv");
      ADD_FAILURE() << text;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("x.residual.csv:1"), std::string::npos);
    }
  }
}

std::int64_t active(const std::vector<std::int32_t>& counts) {
  return std::ranges::count_if(counts, [](auto n) { return n > 0; });
}

TEST(PowerLawDraws, GiveEveryTokenItsChoicesAndNoExpertTwice) {
  for (const std::int64_t tokens : {1, 7, 64, 4096})
    for (const std::int64_t topk : {1, 2, 8}) {
      const auto counts = draw_counts({tokens, 128, topk, 1, 1.2, false}, 3);
      EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}), tokens * topk);
      EXPECT_LE(*std::ranges::max_element(counts), tokens);
    }
  EXPECT_NE(draw_counts({4096, 128, 8, 1, 1.2, false}, 3),
            draw_counts({4096, 128, 8, 1, 1.2, false}, 4));
  const auto rank = draw_counts({4096, 128, 8, 16, 1.01, false}, 3);
  EXPECT_EQ(rank.size(), 8u);
  EXPECT_GT(std::accumulate(rank.begin(), rank.end(), 0), 4096 * 8 / 16);  // the busiest of 16
}

// Active experts that measured times imply where every one is read from memory once: SGLang 0.5.14,
// H100, FP8, 7168 x 3072, 6 of 384 experts, exponent 1.01: 8 and 32 tokens take 1087.6 and 3228 us;
// balanced rows take 1087.9 us for 48 active experts and 4250 us for 192.
TEST(PowerLawDraws, TouchAsManyExpertsAsMeasuredTimesImply) {
  double few = 0, more = 0;
  for (std::uint64_t draw = 0; draw < 10; ++draw) {
    few += static_cast<double>(active(draw_counts({8, 384, 6, 1, 1.01, false}, draw))) / 10;
    more += static_cast<double>(active(draw_counts({32, 384, 6, 1, 1.01, false}, draw))) / 10;
  }
  EXPECT_NEAR(few, 48, 0.5);
  EXPECT_NEAR(more, 192 * 3228 / 4250.0, 6);
}

TEST(PowerLawDraws, KeepATokenOfDeepseekV3InFourGroups) {
  const auto counts = draw_counts({1, 256, 8, 1, 1.2, true}, 5);
  EXPECT_EQ(active(counts), 8);
  std::set<std::size_t> groups;
  for (std::size_t e = 0; e < counts.size(); ++e)
    if (counts[e] > 0) groups.insert(e / 32);
  EXPECT_LE(groups.size(), 4u);
}

/// One expert after the other: its weights or its rows, whichever take longer.
double layer_s(const std::vector<std::int32_t>& counts) {
  double time = 20e-6;
  for (const auto n : counts)
    if (n > 0) time += std::max(10e-6, 0.1e-6 * n);
  return time;
}

/// Balanced rows, and rows that are the mean of five draws of a power law, as tables have them.
std::vector<ExpertsSample> layers_with_skew() {
  std::vector<ExpertsSample> samples;
  for (std::int64_t tokens = 1; tokens <= 16384; tokens *= 2) {
    const auto each = static_cast<std::int32_t>(std::max<std::int64_t>(1, tokens / 8));
    std::vector<std::int32_t> counts(64, 0);
    for (std::int64_t e = 0; e < std::min<std::int64_t>(64, 8 * tokens); ++e)
      counts[static_cast<std::size_t>(e)] = each;
    auto s = experts_row("balanced", counts, layer_s(counts));
    s.topk = 8, s.tokens = tokens;
    samples.push_back(s);
    s.distribution = "power_law_1.2";
    s.time_s = 0;
    for (std::uint64_t draw = 100; draw < 105; ++draw)
      s.time_s += layer_s(draw_counts({tokens, 64, 8, 1, 1.2, false}, draw)) / 5;
    samples.push_back(s);
  }
  return samples;
}

TEST(ImbalanceCheck, ExplainsSkewedRowsByTheirCountsAlone) {
  const auto device = load_device(data_path("models/device"), "h100_sxm");
  const auto points = check_imbalance(layers_with_skew(), device);
  ASSERT_EQ(points.size(), 15u);
  double with_counts = 0, without = 0;
  for (const auto& p : points) {
    EXPECT_LT(std::fabs(p.error), 0.25) << p.regime;
    with_counts += std::fabs(p.error) / 15;
    without += std::fabs(p.balanced_error) / 15;
  }
  EXPECT_LT(with_counts, 0.08);
  EXPECT_GT(without, 2 * with_counts);
}

TEST(ImbalanceCheck, HasNothingToSayWithoutBalancedRows) {
  auto samples = layers_with_skew();
  std::erase_if(samples, [](const auto& s) { return s.balanced() && s.tokens > 4; });
  EXPECT_TRUE(
      check_imbalance(samples, load_device(data_path("models/device"), "h100_sxm")).empty());
}

}  // namespace
}  // namespace moesim
