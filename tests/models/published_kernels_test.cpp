// Speed-ups that papers on compressed weights report, from bytes and peak rates alone: tier `spec`
// with its efficiencies set to 1.
#include <gtest/gtest.h>

#include <vector>

#include "models/cost/cost_model.hpp"

namespace moesim {
namespace {

std::unique_ptr<CostModel> ideal(const Device& device) {
  return Value<Choice<CostModel>>::read(
             parse_yaml("{type: spec, gemm_compute: 1, gemm_memory: 1, gemm_floor: 0 s}", "test"))
      .make({device});
}

/// NVIDIA A10: 600 GB/s and 125 TFLOP/s of dense FP16 at boost clock (data sheet, 2021-03).
Device a10() {
  Device device;
  device.memory_bandwidth = BytesPerSecond(600e9);
  device.flops.fp16 = device.flops.bf16 = FlopPerSecond(125e12);
  return device;
}

TEST(Marlin, IsAsMuchFasterAsItReadsFewerBytesUntilComputeIsTheLimit) {
  // MARLIN, arXiv 2408.11743; assets/peak.png of https://github.com/IST-DASLab/marlin: 72k x 18k,
  // groups of 128, A10 at boost clock, speed-up over FP16 CUTLASS by batch size.
  const std::vector<std::pair<std::int64_t, double>> measured = {
      {1, 3.87}, {2, 3.88}, {4, 3.88}, {8, 3.90}, {16, 3.90}, {32, 3.82}, {64, 3.09}, {128, 1.56}};
  const auto cost = ideal(a10());
  std::vector<double> errors;
  for (const auto& [batch, speed_up] : measured) {
    const Gemm full{batch, 73728, 18432, Dtype::fp16, Dtype::fp16};
    auto small = full;
    small.weight = Dtype::int4;
    const double simulated = cost->gemm(full).time / cost->gemm(small).time;
    EXPECT_NEAR(simulated / speed_up, 1, 0.065) << "batch " << batch << ": " << simulated;
    errors.push_back(std::abs(simulated / speed_up - 1));
  }
  std::ranges::sort(errors);
  EXPECT_LT(errors[errors.size() / 2], 0.05);
}

TEST(BlockFfn, TakesTheShareOfTheTimeThatItsActiveExpertsAre) {
  // BlockFFN, arXiv 2507.08771 table 11, 128 experts of 128 x 2048 on a Jetson Orin NX (102.4 GB/s,
  // NVIDIA data sheet): a decoding token activates 12.45 % of them and the feed-forward takes 12.8
  // % of the dense time (61 ms, 7.8 ms); the union of 32 drafted tokens' experts, which its kernel
  // computes once, is 30.86 % and takes 30.7 % (88 ms, 27 ms). By bytes alone: the rate is set so
  // high that it is no limit.
  Device orin;
  orin.memory_bandwidth = BytesPerSecond(102.4e9);
  orin.flops.fp16 = orin.flops.bf16 = FlopPerSecond(1e15);
  const auto cost = ideal(orin);
  const auto feed_forward = [&](std::int64_t experts, std::int64_t tokens) {
    const auto width = experts * 128;
    return cost->gemm({tokens, width, 2048, Dtype::fp16, Dtype::fp16}).time +
           cost->gemm({tokens, 2048, width, Dtype::fp16, Dtype::fp16}).time;
  };
  EXPECT_NEAR(feed_forward(16, 1) / feed_forward(128, 1), 0.128, 0.05 * 0.128);
  EXPECT_NEAR(feed_forward(40, 32) / feed_forward(128, 32), 0.307, 0.05 * 0.307);
}

}  // namespace
}  // namespace moesim
