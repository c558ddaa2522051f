#include "sim/sweep/space.hpp"

#include <gtest/gtest.h>

#include "sim/scenario/document.hpp"
#include "tests/core/error_text.hpp"
#include "tests/sweep/contains.hpp"
#include "tests/sweep/sweep_text.hpp"

namespace moesim {
namespace {

using test::contains;

using test::labels;
using test::sweep_with_axes;

TEST(Axis, TakesAListAsItIsWritten) {
  const auto file = sweep_with_axes("  engine.max_sequences: [16, 64]\n");
  EXPECT_EQ(labels(file.axes.at(0)), (std::vector<std::string>{"16", "64"}));
  EXPECT_TRUE(file.axes[0].numeric);
}

TEST(Axis, StepsThroughARangeInTheUnitOfItsStart) {
  const auto file = sweep_with_axes("  rate: {from: 4 /s, to: 12 /s, step: 4 /s}\n");
  EXPECT_EQ(labels(file.axes[0]), (std::vector<std::string>{"4 /s", "8 /s", "12 /s"}));
  const auto mixed = sweep_with_axes("  t: {from: 500 us, to: 2 ms, step: 0.5 ms}\n");
  EXPECT_EQ(labels(mixed.axes[0]),
            (std::vector<std::string>{"500 us", "1000 us", "1500 us", "2000 us"}));
}

TEST(Axis, StepsOfATenthEndWhereTheyShould) {
  const auto file = sweep_with_axes("  sigma: {from: 0.1, to: 0.5, step: 0.1}\n");
  EXPECT_EQ(labels(file.axes[0]), (std::vector<std::string>{"0.1", "0.2", "0.3", "0.4", "0.5"}));
}

TEST(Axis, SpacesPointsByEqualFactorsOnALogScale) {
  const auto file = sweep_with_axes("  n: {from: 4, to: 64, points: 5, scale: log}\n");
  EXPECT_EQ(labels(file.axes[0]), (std::vector<std::string>{"4", "8", "16", "32", "64"}));
  EXPECT_TRUE(file.axes[0].logarithmic);
  const auto few = sweep_with_axes("  n: {from: 1, to: 3, points: 9}\n");
  EXPECT_EQ(labels(few.axes[0]), (std::vector<std::string>{"1", "2", "3"}))
      << "whole ends, whole values";
}

TEST(Axis, MovesZippedKeysTogether) {
  const auto file =
      sweep_with_axes("  size: {zip: {parallel.data: [8, 16], parallel.expert: [8, 16]}}\n");
  const SweepSpace space(file);
  ASSERT_EQ(space.designs(), 2U);
  EXPECT_EQ(find_path(space.document(1), "parallel.data")->text, "16");
  EXPECT_EQ(find_path(space.document(1), "parallel.expert")->text, "16");
}

TEST(Axis, MergesVariantsOverTheScenario) {
  const auto file =
      sweep_with_axes("  policy: {variants: {plain: {}, many: {engine: {max_sequences: 99}}}}\n");
  const SweepSpace space(file);
  EXPECT_EQ(find_path(space.document(0), "engine.max_sequences")->text, "4");
  EXPECT_EQ(find_path(space.document(1), "engine.max_sequences")->text, "99");
}

struct Mistake {
  std::string axes, says;
};
void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.axes; }
class WrongAxis : public ::testing::TestWithParam<Mistake> {};

TEST_P(WrongAxis, IsRefusedAtItsPlace) {
  const auto text = testing::error_text([] { sweep_with_axes(GetParam().axes); });
  EXPECT_TRUE(text.starts_with("sweep.yaml:3:")) << text;
  EXPECT_TRUE(contains(text, GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Sweep, WrongAxis,
    ::testing::Values(Mistake{"  a: []\n", "at least one value"},
                      Mistake{"  a: 7\n", "expected a list of values or a range"},
                      Mistake{"  a: {from: 1, to: 2}\n", "either 'step' or 'points'"},
                      Mistake{"  a: {from: 1, to: 2, stepp: 1}\n", "did you mean 'step'"},
                      Mistake{"  a: {from: 2, to: 1, step: 1}\n", "'to' must be above 'from'"},
                      Mistake{"  a: {from: 1 s, to: 2, step: 1 s}\n", "same kind of unit"},
                      Mistake{"  a: {from: 0, to: 9, points: 3, scale: log}\n", "starts above 0"},
                      Mistake{"  a: {from: 1, to: 9, step: 0}\n", "above 0"},
                      Mistake{"  a: {from: 0, to: 1, step: 1e-9}\n", "more than 10000 values"},
                      Mistake{"  a: {zip: {x: [1, 2], y: [1]}}\n", "'y' has 1 values, 'x' has 2"},
                      Mistake{"  a: [1, 2, 1]\n", "the value '1' twice"}));

TEST(SweepSpace, VariesTheLastAxisFastest) {
  const auto file = sweep_with_axes("  a: [1, 2]\n  b: [x, y]\n");
  const SweepSpace space(file);
  ASSERT_EQ(space.designs(), 4U);
  EXPECT_EQ(space.describe(0), "a=1 b=x");
  EXPECT_EQ(space.describe(1), "a=1 b=y");
  EXPECT_EQ(space.find({1, 0}), 2U);
}

TEST(SweepSpace, LeavesOutWhatAConditionExcludes) {
  const auto file =
      sweep_with_axes("  a: [1, 2, 3]\n  b: [1, 2, 3]\n", "where: [a <= b, a + b < 5]\n");
  const SweepSpace space(file);
  ASSERT_EQ(space.designs(), 4U) << "(1,1) (1,2) (1,3) (2,2)";
  EXPECT_EQ(space.find({1, 0}), space.designs());
  EXPECT_EQ(space.describe(space.find({1, 1})), "a=2 b=2");
}

TEST(SweepSpace, ConditionsSeeTheScenarioToo) {
  const auto file = sweep_with_axes("  a: [1, 4, 9]\n", "where: a <= engine.max_sequences\n");
  EXPECT_EQ(SweepSpace(file).designs(), 2U);
}

TEST(SweepSpace, RepeatsEveryDesignWithSeedsThatFollowTheScenarios) {
  const auto file = sweep_with_axes("  a: [1, 2]\n", "repeats: 3\n");
  const SweepSpace space(file);
  EXPECT_EQ(space.points(), 6U);
  EXPECT_EQ(space.design_of(4), 1U);
  EXPECT_EQ(space.seed(4), 8);
  EXPECT_EQ(space.point_document(5).find("seed")->text, "9");
}

TEST(SweepSpace, RefusesWhatNobodyCanRun) {
  const auto none = sweep_with_axes("  a: [1, 2]\n", "where: a > 2\n");
  EXPECT_TRUE(
      contains(testing::error_text([&] { SweepSpace space(none); }), "exclude every point"));
  const auto many =
      sweep_with_axes("  a: {from: 1, to: 1000, step: 1}\n  b: {from: 1, to: 1001, step: 1}\n");
  EXPECT_TRUE(
      contains(testing::error_text([&] { SweepSpace space(many); }), "more than 1000000 points"));
}

TEST(SweepFile, RefusesNamesThatNoRunReports) {
  const auto text = testing::error_text(
      [] { sweep_with_axes("  a: [1]\n", "constraints: [ttft_s.p98 <= 1 s]\n"); });
  EXPECT_TRUE(
      text.starts_with("sweep.yaml:5:15: unknown name 'ttft_s.p98'; did you mean "
                       "'ttft_s.p9"))
      << text;
  EXPECT_TRUE(contains(
      testing::error_text([] { sweep_with_axes("  a: [1]\n", "where: ttft_s.p99 < 1\n"); }),
      "unknown name 'ttft_s.p99'"))
      << "a condition is decided before the run";
}

TEST(SweepFile, MetricsBuildOnFiguresAxesAndEarlierMetrics) {
  const auto file = sweep_with_axes(
      "  a: [1]\n", "metrics: {per_hour: throughput.requests_per_s * 3600, cost: a / per_hour}\n");
  EXPECT_EQ(file.metrics.size(), 2U);
  EXPECT_TRUE(contains(
      testing::error_text([] { sweep_with_axes("  a: [1]\n", "metrics: {x: y, y: 1}\n"); }),
      "unknown name 'y'"));
}

TEST(SweepFile, RefusesTwoAxesThatSetOneKey) {
  EXPECT_TRUE(contains(
      testing::error_text([] { sweep_with_axes("  a: [1]\n  b: {key: a, values: [2]}\n"); }),
      "axis 'b' sets a, and so does 'a'"));
}

}  // namespace
}  // namespace moesim
