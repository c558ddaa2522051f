// Two dependent uniforms from two independent normals: the Gaussian copula, which joins any two
// marginal distributions with a given rank correlation. Portable arithmetic, so that a length is
// the same on any machine.
#pragma once

#include <array>

namespace moesim {

/// Standard normal distribution function, absolute error below 1e-14 (tested against the C
/// library).
double normal_cdf(double x);

/// Correlation of the normals whose copula has Spearman correlation `rank_correlation`: 2 sin(pi r
/// / 6) (Kruskal, "Ordinal measures of association", JASA 53, 1958, equation 7.2).
double copula_correlation(double rank_correlation);

/// Uniforms with that dependence; `correlation` is the one of the normals.
std::array<double, 2> dependent_uniforms(double z1, double z2, double correlation);

}  // namespace moesim
