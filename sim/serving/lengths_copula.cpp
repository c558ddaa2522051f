#include "sim/serving/lengths_copula.hpp"

#include <cmath>

#include "sim/core/portable_math.hpp"

namespace moesim {

// Rational approximation of Hart et al., "Computer Approximations", 1968, algorithm 5666, in the
// form of West, "Better approximations to cumulative normal functions", Wilmott Magazine, 2005.
double normal_cdf(double x) {
  const double a = std::abs(x);
  if (a > 37) return x > 0 ? 1 : 0;
  const double e = portable_exp(-a * a / 2);
  double tail = 0;
  if (a < 7.07106781186547) {
    double top = 3.52624965998911e-02 * a + 0.700383064443688;
    for (const double c :
         {6.37396220353165, 33.912866078383, 112.079291497871, 221.213596169931, 220.206867912376})
      top = top * a + c;
    double bottom = 8.83883476483184e-02 * a + 1.75566716318264;
    for (const double c : {16.064177579207, 86.7807322029461, 296.564248779674, 637.333633378831,
                           793.826512519948, 440.413735824752})
      bottom = bottom * a + c;
    tail = e * top / bottom;
  } else {
    double fraction = a + 0.65;
    for (int k = 4; k >= 1; --k) fraction = a + k / fraction;
    tail = e / fraction / 2.506628274631;  // sqrt(2 pi)
  }
  return x > 0 ? 1 - tail : tail;
}

double copula_correlation(double rank_correlation) {
  // sin(pi r / 6) = cos(2 pi (1/4 - r / 12))
  return 2 * portable_cos_turn(0.25 - rank_correlation / 12);
}

std::array<double, 2> dependent_uniforms(double z1, double z2, double correlation) {
  const double joined =
      correlation * z1 + std::sqrt(std::fmax(0, 1 - correlation * correlation)) * z2;
  return {normal_cdf(z1), normal_cdf(joined)};
}

}  // namespace moesim
