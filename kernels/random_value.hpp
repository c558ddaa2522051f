// Random numbers of few mantissa bits for the inputs of the microbenchmarks: with seven of them a
// value is exact in bf16, with three in fp8 e4m3, so that no rounding stands between a kernel's
// input and its reference. Both signs, magnitude in [0.5, 2), never zero. A function of index and
// seed alone, like the numbers of random_data.hpp that it is made of.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/random_data.hpp"

namespace moesim::kernels {

constexpr int kMantissaBitsE4m3 = 3;
constexpr int kMantissaBitsBf16 = 7;
constexpr int kMantissaBitsFp32 = 21;  ///< of its 23: two of the hash are sign and exponent

constexpr float random_value(std::size_t index, std::uint64_t seed, int mantissa_bits) {
  const auto bits = static_cast<std::int32_t>((stream_value(index, seed) - 1.0F) * 0x1p23F);
  const float magnitude = 1.0F + static_cast<float>(bits >> (23 - mantissa_bits)) /
                                     static_cast<float>(1 << mantissa_bits);
  const float scale = (bits & 1) != 0 ? 0.5F : 1.0F;
  return (bits & 2) != 0 ? -scale * magnitude : scale * magnitude;
}

}  // namespace moesim::kernels
