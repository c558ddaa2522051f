#include "kernels/gemm_shape.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <stdexcept>

namespace moesim::kernels {
namespace {

double exact(const GemmShape& shape, int mantissa_bits, std::size_t row, std::size_t column) {
  double sum = 0;
  for (std::size_t i = 0; i < shape.k; ++i)
    sum += static_cast<double>(random_value(row * shape.k + i, kGemmSeedA, mantissa_bits)) *
           static_cast<double>(random_value(column * shape.k + i, kGemmSeedW, mantissa_bits));
  return sum;
}

/// check_product() takes the spread of a sum from it.
TEST(RandomValue, HasTheMeanSquareThatTheCheckCountsOn) {
  double squares = 0;
  for (std::size_t i = 0; i < 100000; ++i) {
    const auto value = static_cast<double>(random_value(i, 3, kMantissaBitsBf16));
    squares += value * value;
  }
  EXPECT_NEAR(squares / 100000, 35.0 / 24, 0.02);  // five standard errors
}

TEST(GemmLoadCheck, AcceptsRoundingAndFindsWrongProducts) {
  const GemmShape shape{96, 80, 512};
  const auto with = [&](auto at) { check_product("test", shape, kMantissaBitsBf16, at); };
  EXPECT_NO_THROW(with([&](std::size_t r, std::size_t c) {
    return exact(shape, kMantissaBitsBf16, r, c) * (1 + 1.0 / 512);
  }));
  const auto transposed = [&](std::size_t r, std::size_t c) {
    return exact(shape, kMantissaBitsBf16, c, r);
  };
  const auto half = [&](std::size_t r, std::size_t c) {
    return exact({96, 80, 256}, kMantissaBitsBf16, r, c);
  };
  const auto last_row_missing = [&](std::size_t r, std::size_t c) {
    return r == 95 ? 0.0 : exact(shape, kMantissaBitsBf16, r, c);
  };
  const auto not_a_number = [](std::size_t, std::size_t) { return std::nan(""); };
  EXPECT_THROW(with(transposed), std::runtime_error);
  EXPECT_THROW(with(half), std::runtime_error);
  EXPECT_THROW(with(last_row_missing), std::runtime_error);
  EXPECT_THROW(with(not_a_number), std::runtime_error);
}

}  // namespace
}  // namespace moesim::kernels
