#include "models/cost/sequential_experts.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "models/cost/predict.hpp"

namespace moesim {
namespace {

ExpertCurve curve() {
  ExpertCurve c;
  c.hidden = 64;
  c.intermediate = 32;
  c.rows = {1, 4, 16};
  c.time_s = {1e-6, 2e-6, 8e-6};
  return c;
}

/// 100 GFLOP/s and 10 GB/s.
Peaks peaks() { return {1e11, 1e10, 1}; }

ExpertWork work(const std::vector<std::int32_t>& counts, std::int64_t hidden = 64) {
  ExpertWork w;
  w.hidden = hidden;
  w.intermediate = 32;
  w.weight = w.activation = Dtype::fp32;
  w.tokens = 8;
  w.tokens_per_expert = counts;
  return w;
}

SequentialExpertsFit fit() {
  SequentialExpertsFit f;
  f.curves = {curve()};
  f.hidden = {64, 128};
  f.intermediate = {32, 32};
  f.rows = {1, 16};
  f.form.floor_s = 5e-6;
  return f;
}

TEST(ExpertCurve, MeetsItsPointsAndIsStraightInLogarithmsBetweenThem) {
  const auto c = curve();
  EXPECT_NEAR(c.at(1), 1e-6, 1e-15);
  EXPECT_NEAR(c.at(4), 2e-6, 1e-15);
  EXPECT_NEAR(c.at(2), 1e-6 * std::sqrt(2.0), 1e-12);
  EXPECT_NEAR(c.at(8), 4e-6, 1e-12);
  EXPECT_NEAR(c.at(160), 80e-6, 1e-12) << "in proportion beyond the last";
  EXPECT_TRUE(c.holds(16));
  EXPECT_FALSE(c.holds(17));
}

TEST(ExpertCurve, RefusesPointsThatAreNoCurve) {
  for (const auto* text : {"{hidden: 1, intermediate: 1, rows: [], time_s: []}",
                           "{hidden: 1, intermediate: 1, rows: [1, 2], time_s: [1.0]}",
                           "{hidden: 1, intermediate: 1, rows: [2, 1], time_s: [1.0, 1.0]}",
                           "{hidden: 1, intermediate: 1, rows: [0, 1], time_s: [1.0, 1.0]}",
                           "{hidden: 1, intermediate: 1, rows: [1, 99999999], time_s: [1.0, 1.0]}",
                           "{hidden: 1, intermediate: 1, rows: [1, 2], time_s: [1.0, 0.0]}"})
    EXPECT_THROW(ExpertCurve::parameters().read(parse_yaml(text, "p.yaml")), InputError) << text;
}

TEST(SequentialExperts, AddUpOverTheActiveOnes) {
  const auto p = predict(fit(), peaks(), work({4, 0, 16, 1}), true);
  EXPECT_NEAR(p.time.value, 11e-6, 1e-12);
  EXPECT_EQ(p.tier, CostTier::residual);
  EXPECT_TRUE(p.measured);
  EXPECT_EQ(predict(fit(), peaks(), work({0, 0}), true).time.value, 0);
}

TEST(SequentialExperts, KnowWhenACountLiesOutsideTheMeasurements) {
  EXPECT_FALSE(predict(fit(), peaks(), work({4, 17}), true).measured);
}

TEST(SequentialExperts, OfAnotherShapeFollowTheFormOfOneExpert) {
  const auto one = predict(fit(), peaks(), work({4}, 128), true);
  EXPECT_EQ(one.tier, CostTier::fit);
  EXPECT_TRUE(one.measured) << "between measured shapes";
  const auto two = predict(fit(), peaks(), work({4, 4}, 128), true);
  EXPECT_NEAR(two.time.value, 2 * one.time.value, 1e-12) << "each with its own floor";
  EXPECT_FALSE(predict(fit(), peaks(), work({4}, 256), true).measured);
}

TEST(SequentialExperts, ArePermutedAndCombined) {
  auto f = fit();
  ElementwiseFit around;
  around.form = {1e-6, 0.5};
  f.around = {around, around};
  // 8 tokens and 16 rows of 64 floats at half of 10 GB/s, twice.
  EXPECT_NEAR(predict(f, peaks(), work({16}), true).time.value,
              8e-6 + 2 * (1e-6 + 24 * 64 * 4 / 0.5e10), 1e-12);
  // Of 8 tokens of a group at most 4 can have sent these 4 rows.
  EXPECT_NEAR(predict(f, peaks(), work({4}), true).time.value,
              2e-6 + 2 * (1e-6 + 8 * 64 * 4 / 0.5e10), 1e-12);
}

}  // namespace
}  // namespace moesim
