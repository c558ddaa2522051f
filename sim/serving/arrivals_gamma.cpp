#include "sim/serving/arrivals_gamma.hpp"

#include <cassert>
#include <cmath>

#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"

namespace moesim {

namespace {

/// Shape of at least 1. Draws 1, 2, 3, ... of `random`; 0 is left to the caller.
double marsaglia_tsang(const RandomStream& random, double shape) {
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (std::uint64_t k = 1;; k += 2) {
    const double x = random.normal(k);
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (portable_log(random.uniform(k + 1)) < 0.5 * x * x + d * (1 - v + portable_log(v)))
      return d * v;
  }
}

}  // namespace

double gamma_variate(std::uint64_t seed, std::string_view stream, std::uint64_t index,
                     double shape) {
  assert(shape > 0);
  const RandomStream random(seed, stream_id(stream, index));
  if (shape >= 1) return marsaglia_tsang(random, shape);
  // gamma(a) = gamma(a + 1) U^(1/a); the power underflows to 0 for tiny shapes, as it should
  const double boost = portable_exp(portable_log(random.uniform(0)) / shape);
  return marsaglia_tsang(random, shape + 1) * boost;
}

}  // namespace moesim
