#include "sim/sweep/bisection.hpp"

#include <gtest/gtest.h>

namespace moesim {
namespace {

/// Loads tried until the end, against a system that meets its limit up to `capacity`.
int run(Bisection& bisection, double capacity) {
  int tried = 0;
  while (const auto load = bisection.next()) {
    bisection.tell(*load, *load <= capacity);
    if (++tried > 200) return tried;
  }
  return tried;
}

class BisectionFinds : public ::testing::TestWithParam<double> {};

TEST_P(BisectionFinds, TheCapacityWithinItsPrecision) {
  Bisection bisection({1, 0.01, false});
  EXPECT_LT(run(bisection, GetParam()), 40);
  ASSERT_TRUE(bisection.best());
  EXPECT_LE(*bisection.best(), GetParam());
  EXPECT_GT(*bisection.best() * 1.0101, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Far, BisectionFinds, ::testing::Values(0.003, 0.9, 1.0, 7.77, 12345.0));

TEST(Bisection, EndsAtNeighboursWhenLoadsAreWhole) {
  for (const double capacity : {1.0, 2.0, 63.0, 64.0, 65.0, 1000.0}) {
    Bisection bisection({64, 0, true});
    EXPECT_LT(run(bisection, capacity), 30);
    EXPECT_EQ(bisection.best(), capacity);
    EXPECT_EQ(bisection.worst(), capacity + 1);
  }
}

TEST(Bisection, GivesUpWhereNothingMeetsOrNothingMisses) {
  Bisection never({8, 0.01, true});
  EXPECT_LT(run(never, 0), 10);
  EXPECT_FALSE(never.best());
  Bisection always({8, 0.01, false});
  EXPECT_LT(run(always, 1e300), 40);
  EXPECT_FALSE(always.worst());
}

}  // namespace
}  // namespace moesim
