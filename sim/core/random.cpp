#include "sim/core/random.hpp"

#include <cmath>

#include "sim/core/portable_math.hpp"

namespace moesim {

double RandomStream::exponential(std::uint64_t index) const { return -portable_log(uniform(index)); }

double RandomStream::normal(std::uint64_t index) const {
  const auto [u, v] = uniforms(index);
  return std::sqrt(-2 * portable_log(u)) * portable_cos_turn(v);  // sqrt is correctly rounded everywhere
}

}  // namespace moesim
