#include "sim/core/random.hpp"

#include <algorithm>
#include <cmath>

#include "sim/core/portable_math.hpp"

namespace moesim {

double RandomStream::exponential(std::uint64_t index) const {
  return -portable_log(uniform(index));
}

double RandomStream::normal(std::uint64_t index) const {
  const auto [u, v] = uniforms(index);
  return std::sqrt(-2 * portable_log(u)) *
         portable_cos_turn(v);  // sqrt is correctly rounded everywhere
}

void RandomStream::fill_normal(std::uint64_t index, std::span<float> values) const {
  constexpr std::size_t kBatch =
      64;  // blocks at a time, in arrays that the compiler turns into vectors
  std::array<float, 2 * kBatch> radius, angle;
  radius.fill(0.5f);
  const auto unit = [](std::uint32_t word) {
    return (static_cast<float>(word >> 9) + 0.5f) * 0x1p-23f;
  };
  for (std::size_t done = 0; done < values.size(); done += 4 * kBatch) {
    for (std::size_t b = 0; b < kBatch; ++b) {
      const auto words = block(index + done / 4 + b);
      radius[2 * b] = unit(words[0]);
      radius[2 * b + 1] = unit(words[1]);
      angle[2 * b] = unit(words[2]);
      angle[2 * b + 1] = unit(words[3]);
      if (done + 4 * b >= values.size()) break;
    }
    for (auto& r : radius) r = std::sqrt(-2 * portable_log(r));
    const std::size_t count = std::min(4 * kBatch, values.size() - done);
    for (std::size_t i = 0; i < count; ++i) {
      const float turn =
          angle[i / 2] + (i % 2 == 0 ? 0.0f : 0.75f);  // a quarter turn back: the sine
      values[done + i] = radius[i / 2] * portable_cos_turn(turn >= 1 ? turn - 1 : turn);
    }
  }
}

}  // namespace moesim
