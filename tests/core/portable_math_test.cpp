// The project's own log, exp and cosine against the C library.
#include "sim/core/portable_math.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "sim/core/random.hpp"

namespace moesim {
namespace {

constexpr double kBound = 1e-14;  // the relative error that portable_math.hpp promises

double relative_error(double value, double reference) {
  return reference == 0 ? std::abs(value) : std::abs(value - reference) / std::abs(reference);
}

TEST(PortableMath, LogAgreesWithTheLibraryOverAllMagnitudes) {
  const RandomStream random(1, 1);
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    const double x =
        std::ldexp(random.uniform(i) + 0.5, static_cast<int>(random.below(i, 2000)) - 1000);
    ASSERT_LT(relative_error(portable_log(x), std::log(x)), kBound) << x;
  }
  EXPECT_EQ(portable_log(1.0), 0);
  EXPECT_LT(relative_error(portable_log(std::numeric_limits<double>::min()),
                           std::log(std::numeric_limits<double>::min())),
            kBound);
}

TEST(PortableMath, LogIsExactToTheLastBitsNearOne) {
  for (double step = 1e-15; step < 0.5; step *= 1.7)
    for (const double x : {1 + step, 1 - step})
      ASSERT_LT(relative_error(portable_log(x), std::log(x)), kBound) << x;
}

TEST(PortableMath, ExpAgreesWithTheLibrary) {
  const RandomStream random(2, 1);
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    const double x = 1400 * random.uniform(i) - 700;
    ASSERT_LT(relative_error(portable_exp(x), std::exp(x)), kBound) << x;
  }
  for (double x = 1e-17; x < 1; x *= 1.3) {
    ASSERT_LT(relative_error(portable_exp(x), std::exp(x)), kBound) << x;
    ASSERT_LT(relative_error(portable_exp(-x), std::exp(-x)), kBound) << x;
  }
  EXPECT_EQ(portable_exp(0.0), 1);
}

TEST(PortableMath, ExpStaysFiniteAtBothEnds) {
  EXPECT_EQ(portable_exp(-1e9), 0);
  EXPECT_TRUE(std::isfinite(portable_exp(1e9)));
  EXPECT_GT(portable_exp(1e9), 1e307);
}

TEST(PortableMath, CosineAgreesWithTheLibrary) {
  const RandomStream random(3, 1);
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    const double u = random.uniform(i);
    ASSERT_NEAR(portable_cos_turn(u), std::cos(2 * std::numbers::pi * u), 1e-15) << u;
  }
  EXPECT_EQ(portable_cos_turn(0.0), 1);
  EXPECT_EQ(portable_cos_turn(0.5), -1);
}

TEST(PortableMath, ExpUndoesLog) {
  for (double x = 1e-300; x < 1e300; x *= 1.9)
    ASSERT_LT(relative_error(portable_exp(portable_log(x)), x), 2e-13)
        << x;  // 690 ulp of the argument
}

}  // namespace
}  // namespace moesim
