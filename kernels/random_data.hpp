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

/// The same in [-1, 1): weights and activations, whose products should not all add up.
constexpr float signed_value(std::size_t index, std::uint64_t seed) {
  return 2.0F * stream_value(index, seed) - 3.0F;
}

}  // namespace moesim::kernels
