// The contents of every array that a microbenchmark reads: a hash of index and seed, so that host
// and device make the same values in any order and the check of a result needs no copy of its
// input. Never zeros: data with few bit flips takes less power and runs measurably faster. Not a
// generator for statistics; the simulator draws from sim/core. C++17, because nvcc compiles it too.
#pragma once

#include <cstddef>
#include <cstdint>

namespace moesim::kernels {

constexpr std::size_t kMiB = std::size_t{1} << 20;

/// Random contents in [1, 2). The mixing function is that of MurmurHash3 (A. Appleby, public
/// domain).
constexpr float stream_value(std::size_t index, std::uint64_t seed) {
  auto bits =
      static_cast<std::uint32_t>(index) ^ static_cast<std::uint32_t>(index >> 32) * 0x9e3779b9U;
  bits += static_cast<std::uint32_t>(seed * 0x9e3779b97f4a7c15ULL >> 32);
  bits = (bits ^ bits >> 16) * 0x85ebca6bU;
  bits = (bits ^ bits >> 13) * 0xc2b2ae35U;
  bits ^= bits >> 16;
  return 1.0F + static_cast<float>(static_cast<std::int32_t>(bits >> 9)) * 0x1p-23F;
}

/// The same in [-1, 1): weights and activations, whose products should not all add up. Rounded by
/// the type that stores them.
constexpr float signed_value(std::size_t index, std::uint64_t seed) {
  return 2.0F * stream_value(index, seed) - 3.0F;
}

constexpr int kMantissaBitsE4m3 = 3;
constexpr int kMantissaBitsBf16 = 7;
constexpr int kMantissaBitsFp32 = 21;  ///< of its 23: two of the hash are sign and exponent

/// The same with so few mantissa bits that the type which stores them holds them exactly: no
/// rounding stands between a kernel's input and its reference. Both signs, magnitude in [0.5, 2).
constexpr float random_value(std::size_t index, std::uint64_t seed, int mantissa_bits) {
  const auto bits = static_cast<std::int32_t>((stream_value(index, seed) - 1.0F) * 0x1p23F);
  const float magnitude = 1.0F + static_cast<float>(bits >> (23 - mantissa_bits)) /
                                     static_cast<float>(1 << mantissa_bits);
  const float scale = (bits & 1) != 0 ? 0.5F : 1.0F;
  return (bits & 2) != 0 ? -scale * magnitude : scale * magnitude;
}

}  // namespace moesim::kernels
