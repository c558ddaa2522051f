#include "sim/sweep/table.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/sweep/pareto.hpp"
#include "sim/sweep/point_key.hpp"
#include "tests/sweep/sweep_text.hpp"

namespace moesim {
namespace {

using Costs = std::vector<std::vector<double>>;

TEST(ParetoFront, KeepsWhatNothingBeatsInEverything) {
  EXPECT_EQ(pareto_front(Costs{{3, 1}, {2, 2}, {3, 2}, {1, 3}, {2, 4}}),
            (std::vector<std::size_t>{3, 1, 0}));
  EXPECT_EQ(pareto_front(Costs{{1, 1}, {1, 1}, {2, 1}}), (std::vector<std::size_t>{0, 1}))
      << "equals both stay";
  EXPECT_EQ(pareto_front(Costs{{1, 2, 3}, {1, 2, 2}}), (std::vector<std::size_t>{1}));
}

TEST(ParetoFront, HasItsKneeAtTheCorner) {
  EXPECT_EQ(knees_of(Costs{{0, 10}, {1, 1}, {5, 0.5}, {10, 0}}, 3), (std::vector<std::size_t>{1}));
  EXPECT_TRUE(knees_of(Costs{{0, 2}, {1, 1}, {2, 0}}, 3).empty()) << "a straight line has none";
  EXPECT_EQ(knees_of(Costs{{0, 100}, {1, 30}, {2, 28}, {9, 25}, {10, 5}, {20, 0}}, 3),
            (std::vector<std::size_t>{1, 4}));
}

TEST(Estimate, HasStudentsIntervalOverSeeds) {
  const std::vector<double> values = {1, 2, 3};  // mean 2, deviation 1, t(2) = 4.303
  const auto estimate = estimate_of(values);
  EXPECT_DOUBLE_EQ(estimate.mean, 2);
  EXPECT_NEAR(estimate.half_width, 4.303 / std::sqrt(3.0), 1e-12);
  EXPECT_EQ(estimate_of(std::span(values).first(1)).half_width, 0);
}

TEST(HashText, IsFnv1aOf128Bits) {
  // http://www.isthe.com/chongo/tech/comp/fnv/: the offset basis, and "a" under it.
  EXPECT_EQ(hash_text(""), "6c62272e07bb014262b821756295c58d");
  EXPECT_EQ(hash_text("a"), "d228cb696f1a8caf78912b704e4a8964");
}

/// Four designs (a = 1..4) with two seeds; throughput 10 a, TTFT a^2 / 10 s.
class Table : public ::testing::Test {
 protected:
  StoredResult result(std::size_t point) const {
    const auto a = static_cast<double>(point / 2 + 1);
    StoredResult r;
    r.key = std::to_string(point);
    r.figures = {{"throughput.requests_per_s", 10 * a + (point % 2 == 0 ? -1 : 1)},
                 {"ttft_s.p99", a * a / 10}};
    return r;
  }
  SweepTable table(std::size_t known) const {
    std::vector<StoredPoint> points;
    std::map<std::string, StoredResult> results;
    for (std::size_t p = 0; p < space_.points(); ++p) {
      points.push_back({std::to_string(p), "", ""});
      if (p < known) results[points[p].key] = result(p);
    }
    return {space_, points, results};
  }
  SweepFile file_ =
      test::sweep_of(test::kScenario +
                     "axes: {a: [1, 2, 3, 4]}\nrepeats: 2\n"
                     "metrics: {cost: a * engine.max_sequences / throughput.requests_per_s}\n"
                     "objectives: [{maximize: throughput.requests_per_s}, {minimize: ttft_s.p99}]\n"
                     "constraints: [ttft_s.p99 <= 1 s]\n");
  SweepSpace space_{file_};
};

TEST_F(Table, FindsTheBestDesignThatMeetsTheConstraints) {
  const auto t = table(8);
  EXPECT_EQ(t.best(), 2U) << "a = 4 has a TTFT of 1.6 s";
  EXPECT_NEAR(*t.rows()[3].violation, 0.6, 1e-12);
  EXPECT_DOUBLE_EQ(t.rows()[2].objectives[0]->mean, 30);
  EXPECT_EQ(t.front(), (std::vector<std::size_t>{2, 1, 0}));
}

TEST_F(Table, PrefersTheLeastInfeasibleWhenNothingIsFeasible) {
  file_.constraints = {Expression::parse(Node::scalar("ttft_s.p99 <= 10 ms"))};
  EXPECT_EQ(table(8).best(), 0U);
  EXPECT_TRUE(table(8).front().empty());
}

TEST_F(Table, LeavesOutDesignsWhoseSeedsAreNotAllDone) {
  auto t = table(3);
  EXPECT_EQ(t.best(), 0U);
  EXPECT_FALSE(t.rows()[1].violation);
  t.set(result(3));
  EXPECT_EQ(t.best(), 1U) << "brought up to date";
}

TEST_F(Table, EvaluatesMetricsOverFiguresAxesAndScenario) {
  const auto t = table(8);
  EXPECT_DOUBLE_EQ(t.value("cost", 2).value(), 2 * 4 / 19.0);
  EXPECT_FALSE(table(0).value("cost", 2));
}

}  // namespace
}  // namespace moesim
