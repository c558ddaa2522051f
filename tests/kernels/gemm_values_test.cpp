#include "kernels/gemm_values.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <set>

namespace moesim::kernels {
namespace {

double exact(const GemmShape& shape, int steps, std::size_t row, std::size_t column) {
  double sum = 0;
  for (std::size_t i = 0; i < shape.k; ++i)
    sum += static_cast<double>(gemm_value(row * shape.k + i, kGemmSeedA, steps)) *
           static_cast<double>(gemm_value(column * shape.k + i, kGemmSeedW, steps));
  return sum;
}

TEST(GemmValues, FitIntoTheirTypeAndAreNeverZero) {
  for (const int steps : {kBf16Steps, kFp8Steps}) {
    std::set<float> seen;
    for (std::size_t i = 0; i < 20000; ++i) {
      const float value = gemm_value(i, 3, steps);
      ASSERT_LT(std::fabs(value), 1.0F);
      int exponent = 0;
      const float mantissa = std::frexp(value, &exponent);  // in [0.5, 1): 8 or 4 bits
      const float scaled = mantissa * static_cast<float>(steps + 1);
      ASSERT_EQ(scaled, std::floor(scaled)) << value;
      ASSERT_NE(value, 0.0F);
      seen.insert(value);
    }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(steps + 1));
  }
}

TEST(GemmCheck, AcceptsRoundingAndFindsWrongProducts) {
  const GemmShape shape{96, 80, 512};
  const auto with = [&](auto at) { check_product("test", shape, kBf16Steps, at); };
  EXPECT_NO_THROW(with([&](std::size_t r, std::size_t c) {
    return exact(shape, kBf16Steps, r, c) * (1 + 1.0 / 512);
  }));
  const auto transposed = [&](std::size_t r, std::size_t c) {
    return exact(shape, kBf16Steps, c, r);
  };
  const auto half = [&](std::size_t r, std::size_t c) {
    return exact({96, 80, 256}, kBf16Steps, r, c);
  };
  const auto last_row_missing = [&](std::size_t r, std::size_t c) {
    return r == 95 ? 0.0 : exact(shape, kBf16Steps, r, c);
  };
  const auto not_a_number = [](std::size_t, std::size_t) { return std::nan(""); };
  EXPECT_THROW(with(transposed), std::runtime_error);
  EXPECT_THROW(with(half), std::runtime_error);
  EXPECT_THROW(with(last_row_missing), std::runtime_error);
  EXPECT_THROW(with(not_a_number), std::runtime_error);
}

}  // namespace
}  // namespace moesim::kernels
