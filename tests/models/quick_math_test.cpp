// The logarithm and exponential of the cost models against the C library.
#include "models/cost/quick_math.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/core/random.hpp"

namespace moesim {
namespace {

constexpr double kBound = 1e-12;  // the error that quick_math.hpp promises

TEST(QuickMath, LogAgreesWithTheLibrary) {
  const RandomStream random(1, 1);
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    const double x =
        std::ldexp(random.uniform(i) + 0.5, static_cast<int>(random.below(i, 200)) - 100);
    ASSERT_LT(std::abs(quick_log(x) - std::log(x)), kBound) << x;
  }
  for (int i = 0; i <= 256; ++i)  // at and between the places of the table
    for (const double off : {-1e-9, 0.0, 1e-9}) {
      const double x = 1 + i / 256.0 + off;
      ASSERT_LT(std::abs(quick_log(x) - std::log(x)), kBound) << x;
    }
  EXPECT_EQ(quick_log(1.0), 0);
}

TEST(QuickMath, ExpAgreesWithTheLibrary) {
  const RandomStream random(2, 1);
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    const double x = 1390 * random.uniform(i) - 695;
    ASSERT_LT(std::abs(quick_exp(x) / std::exp(x) - 1), kBound) << x;
  }
  EXPECT_EQ(quick_exp(0.0), 1);
}

}  // namespace
}  // namespace moesim
