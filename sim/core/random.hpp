// Counter-based random numbers: draw(seed, stream, index) is a pure function, so any entity can
// draw in any order and on any machine and get the same value. Philox4x32-10 (Salmon et al.,
// "Parallel Random Numbers: As Easy as 1, 2, 3", SC'11), checked against the known-answer vectors
// of Random123. One stream per entity: name it with stream_id(). Variates are inverse transforms
// with the project's own log/exp (portable_math.hpp), not std:: distributions.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace moesim {

using PhiloxBlock = std::array<std::uint32_t, 4>;

/// Ten rounds of Philox4x32 on `counter` under `key`.
constexpr PhiloxBlock philox4x32(PhiloxBlock counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// A stream number for an entity: FNV-1a of its name, mixed with up to two indices (layer, rank,
/// ...).
constexpr std::uint64_t stream_id(std::string_view name, std::uint64_t a = 0, std::uint64_t b = 0) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&](std::uint64_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const char c : name) mix(static_cast<unsigned char>(c));
  for (int i = 0; i < 8; ++i) mix(a >> (8 * i) & 0xff);
  for (int i = 0; i < 8; ++i) mix(b >> (8 * i) & 0xff);
  return hash;
}

/// One entity's sequence of random numbers. Copyable and stateless but for nothing: every draw
/// names its index.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  /// Four 32-bit words of draw `index`.
  PhiloxBlock block(std::uint64_t index) const {
    return philox4x32(
        {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
         static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
        {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
  }

  /// Uniform in the open interval (0, 1), 53 bits.
  double uniform(std::uint64_t index) const { return uniforms(index)[0]; }
  /// Two independent uniforms of one draw.
  std::array<double, 2> uniforms(std::uint64_t index) const {
    const auto b = block(index);
    return {to_unit(b[0], b[1]), to_unit(b[2], b[3])};
  }
  /// Uniform in [0, bound); bound must be positive.
  std::uint64_t below(std::uint64_t index, std::uint64_t bound) const {
    const auto b = block(index);
    const auto word = std::uint64_t{b[0]} << 32 | b[1];
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>(static_cast<Wide>(word) * bound >> 64);
  }

  double exponential(std::uint64_t index) const;  ///< mean 1
  double normal(std::uint64_t index) const;       ///< mean 0, variance 1 (Box-Muller)
  /// Independent standard normals in single precision, from the draws `index`, `index` + 1, ...
  /// (four values each).
  void fill_normal(std::uint64_t index, std::span<float> values) const;

 private:
  static double to_unit(std::uint32_t high, std::uint32_t low) {
    const auto bits =
        (std::uint64_t{high} << 32 | low) >> 12;  // 52 bits, then centred: never 0, never 1
    return (static_cast<double>(bits) + 0.5) * 0x1p-52;
  }

  std::uint64_t seed_;
  std::uint64_t stream_;
};

}  // namespace moesim
