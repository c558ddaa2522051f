// Eight-bit floats of kind e4m3 on the CPU: one sign, four exponent bits with bias 7, three of
// mantissa, subnormals below 2^-6, no infinity, largest number 448. Rounds to nearest, ties to
// even. Source: OCP 8-bit Floating Point Specification (OFP8), revision 1.0, section 5. Does not
// saturate: the caller scales into +-448. C++20, for host code alone; the GPU has instructions.
#pragma once

#include <bit>
#include <cstdint>

namespace moesim::kernels {

/// Without branches, so that a loop over it becomes vector code.
constexpr std::uint8_t to_e4m3(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  // Twenty bits of mantissa go; half of the last that stays is added, a bit less when it is even.
  // Then the bias goes from 127 to 7.
  const std::uint32_t normal =
      ((magnitude + 0x7ffffU + (magnitude >> 20 & 1U)) >> 20) - (120U << 3);
  // In a float near 2^14 the last bit is worth 2^-9, which is the step of the subnormals.
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0x1p14F) -
      std::bit_cast<std::uint32_t>(0x1p14F);
  const std::uint32_t sign = bits >> 24 & 0x80U;
  return static_cast<std::uint8_t>(sign | (magnitude < 0x3c800000U ? subnormal : normal));
}

constexpr float from_e4m3(std::uint8_t code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  const float sign = code >= 128 ? -1.0F : 1.0F;
  if (exponent == 0) return sign * static_cast<float>(mantissa) * 0x1p-9F;
  const float power = std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 120) << 23);
  return sign * power * (1.0F + static_cast<float>(mantissa) / 8.0F);
}

}  // namespace moesim::kernels
