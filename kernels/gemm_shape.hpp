// The shape of a dense product, and the matrices and the check of one that serves as a load:
// D[m][n] = sum over k of A[m][k] * W[n][k], both row-major. Elements are random_value(), which a
// low-precision type holds exactly, so that the host recomputes any entry of the result without a
// copy of the matrices. Host and device code, C++17.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "kernels/random_data.hpp"

namespace moesim::kernels {

struct GemmShape {
  std::size_t m = 0, n = 0, k = 0;
};

inline double flop_of(const GemmShape& shape) {
  return 2.0 * static_cast<double>(shape.m) * static_cast<double>(shape.n) *
         static_cast<double>(shape.k);
}

constexpr std::uint64_t kGemmSeedA = 11, kGemmSeedW = 12;

/// Compares 256 entries, the corners among them, with float64 sums; `at(row, column)` is the
/// result. Throws when one is wrong. Tolerance: half a unit in the last of bf16's 8 bits twice
/// over, and a hundredth of the spread of such a sum for accumulators that carry fewer bits than
/// fp32; a tile of 32 missing products shifts a sum by sqrt(32/k) of its spread, far more for k to
/// 8192. The spread is sqrt(k) times the mean square of random_value(), 35/24: half of the
/// magnitudes are uniform in [1, 2), half in [0.5, 1).
template <class At>
void check_product(const std::string& op, const GemmShape& shape, int mantissa_bits, At at) {
  const double spread = std::sqrt(static_cast<double>(shape.k)) * 35 / 24;
  for (std::size_t sample = 0; sample < 256; ++sample) {
    std::size_t row = sample % 2 == 0 ? 0 : shape.m - 1;
    std::size_t column = sample / 2 % 2 == 0 ? 0 : shape.n - 1;
    if (sample >= 4) {
      const auto spot =
          static_cast<std::size_t>(static_cast<double>(stream_value(sample, 13) - 1.0F) * 0x1p23);
      row = spot * 2654435761U % shape.m;
      column = spot % shape.n;
    }
    double exact = 0;
    for (std::size_t i = 0; i < shape.k; ++i)
      exact += static_cast<double>(random_value(row * shape.k + i, kGemmSeedA, mantissa_bits)) *
               static_cast<double>(random_value(column * shape.k + i, kGemmSeedW, mantissa_bits));
    const double found = at(row, column);
    if (!(std::fabs(found - exact) <= std::fabs(exact) / 256 + spread / 100))
      throw std::runtime_error(op + ": wrong result, " + std::to_string(found) + " instead of " +
                               std::to_string(exact) + " at " + std::to_string(row) + ", " +
                               std::to_string(column));
  }
}

}  // namespace moesim::kernels
