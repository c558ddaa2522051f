// From the tables of the suite to a profile: what is taken, what is left out, what is refused.
#include <gtest/gtest.h>

#include <filesystem>

#include "calibrate/layer_check.hpp"
#include "calibrate/suite_device.hpp"
#include "calibrate/suite_profile.hpp"
#include "models/cost/predict.hpp"
#include "tests/calibrate/written_suite.hpp"

namespace moesim {
namespace {

using testing::WrittenSuite;

const FitProgress kQuiet = [](const std::string&) {};

SuiteProfile fitted(WrittenSuite& suite, const std::string& device = "") {
  return fit_suite({suite.write(), device, ""}, kQuiet);
}

/// The text of the InputError that `call` throws.
std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "nothing was refused";
}

void expect_refused(WrittenSuite& suite, const std::string& why) {
  const auto text = refusal([&] { fitted(suite); });
  EXPECT_NE(text.find(why), std::string::npos) << text;
}

TEST(SuiteProfile, OfACpuDescribesTheDeviceByItsFastestMeasurements) {
  WrittenSuite suite;
  const auto profile = fitted(suite).profile;
  EXPECT_EQ(profile.name, "some-cpu.eigen-3.4.0");
  EXPECT_EQ(profile.device, "some-cpu");
  ASSERT_TRUE(profile.measured_device);
  EXPECT_EQ(profile.measured_device->sms, 1);
  // The cold read, not the warm one that is nine times as fast.
  EXPECT_DOUBLE_EQ(profile.measured_device->memory_bandwidth.value, 1e10);
  // 2 m n k / (2 + 2e-5 m n k) us for m = 256, n = 1024, k = 512.
  const double mnk = 256.0 * 1024 * 512;
  ASSERT_TRUE(profile.measured_device->flops.fp32);
  EXPECT_NEAR(profile.measured_device->flops.fp32->value, 2 * mnk / (2 + 2e-5 * mnk) * 1e6, 1e6);
  EXPECT_FALSE(profile.measured_device->flops.bf16);
}

TEST(SuiteProfile, SaysWhereItComesFromAndHowNoisyItWas) {
  WrittenSuite suite;
  const auto p = fitted(suite).profile.provenance;
  EXPECT_EQ(p.kind, "measured");
  EXPECT_EQ(p.library, "Eigen");
  EXPECT_EQ(p.version, "3.4.0");
  EXPECT_EQ(p.driver, "580.1");
  EXPECT_EQ(p.date, "2026-03-04");
  ASSERT_TRUE(p.anchor_cv && p.drift);
  EXPECT_NEAR(*p.drift, 0.1, 1e-9);
  EXPECT_NEAR(*p.anchor_cv, 0.0673, 0.02);  // 1 and 1.1
}

TEST(SuiteProfile, TakesTheLowerQuartileOfACpuAndTheMedianOfAGpu) {
  WrittenSuite cpu;  // whose medians are 1.5 times its lower quartiles
  const auto on_cpu = fitted(cpu).profile;
  ASSERT_EQ(on_cpu.sequential_experts.size(), 1U);
  const auto& curve = on_cpu.sequential_experts[0].curves.at(0);
  EXPECT_NEAR(curve.time_s.at(0), WrittenSuite::expert_us(256, 512, 1) * 1e-6, 1e-10);
  EXPECT_TRUE(on_cpu.experts.empty());
  WrittenSuite gpu("cuda", "NVIDIA H100 80GB HBM3");
  const auto on_gpu = fitted(gpu).profile;
  EXPECT_TRUE(on_gpu.sequential_experts.empty());
  ASSERT_EQ(on_gpu.experts.size(), 2U);
}

TEST(SuiteProfile, OfAKnownGpuIsOfTheCatalogueAndPrefersTheLibraryToTheOwnKernel) {
  WrittenSuite suite("cuda", "NVIDIA H100 80GB HBM3");
  const auto profile = fitted(suite).profile;
  EXPECT_EQ(profile.device, "h100-sxm");
  EXPECT_FALSE(profile.measured_device);
  ASSERT_EQ(profile.experts.size(), 2U);
  EXPECT_EQ(profile.experts[0].origin.kernel, "cublas");
  EXPECT_EQ(profile.experts[1].origin.kernel, "own");
  EXPECT_EQ(profile.experts[0].around.size(), 2U);
}

TEST(SuiteProfile, OfAnUnknownGpuBringsItsOwnDescription) {
  WrittenSuite suite("cuda", "NVIDIA Z900");
  const auto profile = fitted(suite).profile;
  EXPECT_EQ(profile.device, "nvidia-z900");
  ASSERT_TRUE(profile.measured_device);
  EXPECT_EQ(profile.measured_device->sms, 10);
  WrittenSuite named("cuda", "NVIDIA Z900");
  EXPECT_EQ(fitted(named, "b200").profile.device, "b200-sxm");
  WrittenSuite mistyped("cuda", "NVIDIA Z900");
  EXPECT_NE(refusal([&] { fitted(mistyped, "h10"); }).find("did you mean 'h100-sxm'"),
            std::string::npos);
}

TEST(CatalogueName, KnowsTheNamesThatDriversGive) {
  EXPECT_EQ(catalogue_name("NVIDIA H100 80GB HBM3"), "h100-sxm");
  EXPECT_EQ(catalogue_name("NVIDIA H200"), "h200-sxm");
  EXPECT_EQ(catalogue_name("NVIDIA B200"), "b200-sxm");
  EXPECT_EQ(catalogue_name("NVIDIA A100-SXM4-80GB"), "a100-sxm-80gb");
  EXPECT_EQ(catalogue_name("NVIDIA GeForce RTX 4090"), "rtx-4090");
  EXPECT_EQ(catalogue_name("NVIDIA RTX PRO 6000 Blackwell Server Edition"),
            "rtx-pro-6000-blackwell");
  // Another card of the same family is another device.
  EXPECT_EQ(catalogue_name("NVIDIA H100 PCIe"), "");
}

TEST(SuiteProfile, LeavesOutWhatSaysNothingAboutAColdRunAndCountsIt) {
  WrittenSuite suite;
  const auto& all = suite.tables["gemm.csv"];
  const auto line = all.rfind("gemm,gemm");
  suite.tables["gemm.csv"] = all + [&] {
    auto hot = all.substr(line);
    return hot.replace(hot.find("best_of_4"), 9, "heuristic").replace(hot.find("rotate"), 6, "hot");
  }();
  ++suite.record.find("gemm")->rows;
  const auto result = fitted(suite);
  EXPECT_EQ(result.left_out.at("measured with a warm cache"), 1);
  EXPECT_EQ(result.left_out.at("gemm: not the algorithm that libraries take first"), 36);
  ASSERT_EQ(result.profile.gemm.size(), 1U);
  EXPECT_EQ(result.profile.gemm[0].origin.points, 36);
}

TEST(SuiteProfile, IsTheSameAfterItWasWrittenAndRead) {
  WrittenSuite suite;
  const auto profile = fitted(suite).profile;
  const auto path = suite.directory().file("p.yaml");
  std::ofstream(path) << profile_yaml(profile);
  std::ofstream(suite.directory().file("p.residual.csv")) << residual_text(profile);
  const auto read = read_profile(path);
  ASSERT_TRUE(read.measured_device);
  EXPECT_EQ(read.measured_device->name, "some-cpu");
  EXPECT_EQ(profile_yaml(read), profile_yaml(profile));
  EXPECT_EQ(residual_text(read), residual_text(profile));
  EXPECT_NE(residual_text(profile).find("router,0,m,1,2,"), std::string::npos);
  const Gemm scores{4, 8, 256, Dtype::fp32, Dtype::fp32};
  const auto gate =
      predict(read.router.at(0), peaks_of(*read.measured_device, Dtype::fp32), scores, true);
  EXPECT_NEAR(gate.time.value, WrittenSuite::gate_us(4) * 1e-6, 2e-8);
  EXPECT_TRUE(gate.measured);
}

TEST(LayerCheck, OfLayersThatAreTheSumOfTheirPiecesFindsNoError) {
  for (const bool cuda : {false, true}) {
    WrittenSuite suite(cuda ? "cuda" : "cpu", cuda ? "NVIDIA Z900" : "Some CPU");
    const auto result = fitted(suite);
    ASSERT_EQ(result.layers.size(), 2U);
    EXPECT_EQ(result.layers[0].tokens_per_expert, (std::vector<std::int32_t>{4, 2, 0, 2}));
    const auto errors =
        check_layers(result.profile, *result.profile.measured_device, result.layers);
    if (cuda) continue;  // a form over all experts at once is not this sum
    for (const auto& layer : errors) {
      EXPECT_NEAR(layer.error(), 0, 0.01) << layer.sample.tokens;
      EXPECT_TRUE(layer.measured);
    }
    const auto groups = grouped(errors);
    ASSERT_EQ(groups.size(), 5U);
    EXPECT_EQ(groups[0].errors.size(), 2U);
    EXPECT_EQ(groups[1].name, "shape 256 x 512, 4 experts, top 2");
    EXPECT_EQ(groups[2].name, "skew 0.7");
    EXPECT_EQ(groups[3].name, "4 tokens");
  }
}

TEST(LayerCheck, SeesAnExpertThatCostsMoreInsideALayer) {
  WrittenSuite suite;
  auto result = fitted(suite);
  for (auto& layer : result.layers) layer.time_s *= 2;
  for (const auto& layer :
       check_layers(result.profile, *result.profile.measured_device, result.layers))
    EXPECT_NEAR(layer.error(), -0.5, 0.01);
}

TEST(LayerCheck, NamesTheFitThatAProfileLacks) {
  WrittenSuite suite;
  auto result = fitted(suite);
  const auto check = [&] {
    check_layers(result.profile, *result.profile.measured_device, result.layers);
  };
  auto gate = std::exchange(result.profile.router, {});
  EXPECT_NE(refusal(check).find("the gate (router) in fp32"), std::string::npos);
  result.profile.router = std::move(gate);
  result.profile.sequential_experts[0].around.clear();
  EXPECT_NE(refusal(check).find("permute and combine"), std::string::npos);
  result.profile.sequential_experts.clear();
  EXPECT_NE(refusal(check).find("experts in fp32"), std::string::npos);
}

TEST(ReadSuite, RefusesAFolderThatNoBenchmarkWrote) {
  const testing::TemporaryDirectory empty;
  const auto text = refusal([&] { read_suite(empty.path()); });
  EXPECT_NE(text.find("no run.json"), std::string::npos) << text;
  EXPECT_NE(text.find("moesim calibrate bench --device"), std::string::npos) << text;
}

TEST(ReadSuite, RefusesAShortRun) {
  WrittenSuite suite;
  suite.record.short_mode = true;
  expect_refused(suite, "measured with --short");
}

TEST(ReadSuite, NamesWhatIsNotCompleteAndTheCommandThatGoesOn) {
  WrittenSuite suite;
  suite.record.find("gemm")->status = "timed out";
  suite.record.find("permute")->status = "failed";
  suite.record.find("permute")->error = "no memory";
  std::erase_if(suite.record.operations,
                [](const BenchEntry& e) { return e.name == "elementwise"; });
  expect_refused(suite,
                 "not complete: elementwise (not run), gemm (timed out), permute (failed: no "
                 "memory); `moesim calibrate bench --device cpu --out " +
                     suite.directory().path());
}

TEST(ReadSuite, SeesTablesThatWereRemovedOrCutOff) {
  WrittenSuite suite;
  suite.record.find("attention_prefill")->rows = 31;
  expect_refused(suite, "attention_prefill (attention.csv has 30 rows of it instead of 31)");
  std::filesystem::remove(suite.directory().file("gemm.csv"));
  suite.tables.erase("gemm.csv");
  expect_refused(suite, "gemm (gemm.csv is missing)");
}

TEST(ReadSuite, GoesWithoutAnOperationWhoseProgramIsNotBuilt) {
  WrittenSuite suite;
  auto* entry = suite.record.find("attention_decode_mla");
  entry->status = "absent";
  const auto profile = fitted(suite).profile;
  EXPECT_EQ(profile.decode.size(), 2U) << "its rows, from before, still stand in the file";
}

TEST(SuiteRows, RefusesCellsAtTheirPlace) {
  const auto rows = [](const std::string& text) {
    Measured measured;
    add_suite_rows(measured, parse_csv(text, "t.csv"));
  };
  const std::string head = "op,algo,dtype,m,n,k,l2,latency_us,p25_us,timer,library\n";
  EXPECT_NE(refusal([&] {
              rows(head + "gemm,heuristic,bf17,1,1,1,rotate,1,1,graph,x 1\n");
            }).find("t.csv:2:16: unknown number format 'bf17'"),
            std::string::npos);
  EXPECT_NE(refusal([&] {
              rows(head + "gemm,heuristic,bf16,0,1,1,rotate,1,1,graph,x 1\n");
            }).find("t.csv:2:21: m must be at least 1"),
            std::string::npos);
  EXPECT_NE(refusal([&] {
              rows(head + "gemm,heuristic,bf16,1,1,1,rotate,-1,1,graph,x 1\n");
            }).find("a time of zero or less"),
            std::string::npos);
  EXPECT_NE(refusal([&] { rows("op,dtype\ngemm,bf16\n"); }).find("algo"), std::string::npos);
}

TEST(SuiteProfile, WithTooFewPointsOfEverythingHasNothingToFit) {
  Measured measured;
  add_suite_rows(measured, parse_csv("op,algo,dtype,m,n,k,l2,latency_us,p25_us,timer,library\n"
                                     "gemm,heuristic,bf16,1,1,1,rotate,1,1,graph,x 1\n",
                                     "t.csv"));
  Device device;
  device.memory_bandwidth = BytesPerSecond(1e12);
  device.flops.bf16 = FlopPerSecond(1e14);
  device.sms = 1;
  const auto text = refusal([&] { fit_profile(measured, device, kQuiet); });
  EXPECT_NE(text.find("nothing to fit"), std::string::npos) << text;
  EXPECT_EQ(measured.left_out.at("gemm bf16, x: too few rows to fit"), 1);
}

}  // namespace
}  // namespace moesim
