#include "kernels/timing.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <vector>

namespace moesim::kernels {
namespace {

TEST(Percentile, InterpolatesLinearlyBetweenRanks) {
  const std::vector<double> values = {1, 2, 3, 4, 10};
  EXPECT_DOUBLE_EQ(percentile(values, 0.5), 3);
  EXPECT_DOUBLE_EQ(percentile(values, 0.1), 1.4);
  EXPECT_DOUBLE_EQ(percentile(values, 0.9), 7.6);
  EXPECT_DOUBLE_EQ(percentile(values, 1), 10);
  EXPECT_TRUE(std::isnan(percentile({}, 0.5)));
}

TEST(Summary, TakesSamplesInAnyOrderAndFlagsSpread) {
  const Summary steady = summarize({2, 1, 3}, 0.5);
  EXPECT_DOUBLE_EQ(steady.median_s, 2);
  EXPECT_DOUBLE_EQ(steady.cv, std::sqrt(2.0 / 3.0) / 2);
  EXPECT_EQ(steady.n, 3U);
  EXPECT_FALSE(steady.noisy);
  EXPECT_TRUE(summarize({2, 1, 3}, 0.4).noisy);
}

TEST(Sampling, GoesOnUntilThereIsEnoughTimeAndEnoughSamples) {
  TimingPolicy policy;
  const auto samples_of = [&](double seconds) {
    auto run = [seconds] { return seconds; };
    return take_samples(policy, run).size();
  };
  EXPECT_EQ(samples_of(0.0039), 16U);  // 15 samples would last 58.5 ms
  EXPECT_EQ(samples_of(0.005), 15U);
  EXPECT_EQ(samples_of(0.011), 11U);  // the cap comes first
  EXPECT_EQ(samples_of(1.0), policy.samples_at_cap);
}

TEST(Sampling, CountsTheTimeOfAllRepeats) {
  TimingPolicy policy;
  std::size_t calls = 0;
  const Sampler sampler{"graph", 250, [&calls] {
                          ++calls;
                          return 2e-6;  // 0.5 ms a replay
                        }};
  const Summary summary = measure(policy, sampler);
  EXPECT_EQ(summary.n, 120U);    // 60 ms
  EXPECT_EQ(calls, 120U + 20U);  // and 10 ms to warm up
  EXPECT_DOUBLE_EQ(summary.median_s, 2e-6);
}

TEST(Sampling, LeavesTheWarmUpOut) {
  TimingPolicy policy;
  std::size_t calls = 0;
  auto run = [&calls] { return ++calls <= 4 ? 0.003 : 0.010; };
  for (const double sample : take_samples(policy, run)) EXPECT_DOUBLE_EQ(sample, 0.010);
}

TEST(Measurement, IsRepeatedOnceWhenItIsNoisy) {
  TimingPolicy policy;
  std::size_t calls = 0;
  const std::size_t one_go = policy.warmup_runs + policy.samples;
  const Summary calmed =
      measure(policy, [&] { return ++calls <= one_go && calls % 2 == 0 ? 0.009 : 0.005; });
  EXPECT_EQ(calls, 2 * one_go);
  EXPECT_FALSE(calmed.noisy);
  EXPECT_DOUBLE_EQ(calmed.median_s, 0.005);

  calls = 0;
  const Summary wild = measure(policy, [&] { return ++calls % 2 == 0 ? 0.009 : 0.005; });
  EXPECT_TRUE(wild.noisy);
}

}  // namespace
}  // namespace moesim::kernels
