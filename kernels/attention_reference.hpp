// Attention of one query row in double precision, as the definition has it (Vaswani et al. 2017,
// equation 1), and the comparison that every attention program makes before it times anything. The
// reference reads the same numbers as the device; only the device rounds on the way.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace moesim::kernels {

/// `keys` is [tokens][q.size()], `values` is [tokens][value_dim]; the softmax runs over the first
/// `tokens` rows.
inline std::vector<double> reference_attention(const std::vector<double>& q,
                                               const std::vector<double>& keys,
                                               const std::vector<double>& values,
                                               std::size_t tokens, std::size_t value_dim,
                                               double scale) {
  std::vector<double> scores(tokens);
  double largest = -std::numeric_limits<double>::infinity();
  for (std::size_t t = 0; t < tokens; ++t) {
    double dot = 0;
    for (std::size_t d = 0; d < q.size(); ++d) dot += q[d] * keys[t * q.size() + d];
    scores[t] = scale * dot;
    largest = std::max(largest, scores[t]);
  }
  double total = 0;
  std::vector<double> out(value_dim, 0.0);
  for (std::size_t t = 0; t < tokens; ++t) {
    const double weight = std::exp(scores[t] - largest);
    total += weight;
    for (std::size_t d = 0; d < value_dim; ++d) out[d] += weight * values[t * value_dim + d];
  }
  for (double& x : out) x /= total;
  return out;
}

/// The largest error against the typical size of the numbers. Rounding the probabilities and the
/// output to bf16 (relative error up to 2^-8 each) costs about 0.01 of it, fp32 some 1e-5; a token
/// left out of several hundred costs more than 0.05.
inline void compare_attention(const std::string& what, const std::vector<float>& measured,
                              const std::vector<double>& expected, const std::string& dtype) {
  if (measured.size() != expected.size())
    throw std::runtime_error(what + ": wrong result, " + std::to_string(measured.size()) +
                             " numbers instead of " + std::to_string(expected.size()));
  double squares = 0;
  for (const double x : expected) squares += x * x;
  const double typical = std::sqrt(squares / static_cast<double>(expected.size()));
  const double allowed = (dtype == "fp32" ? 1e-4 : 0.03) * typical;
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!(std::fabs(static_cast<double>(measured[i]) - expected[i]) <= allowed))
      throw std::runtime_error(what + ": wrong result, " + std::to_string(measured[i]) +
                               " instead of " + std::to_string(expected[i]) + " at element " +
                               std::to_string(i));
}

}  // namespace moesim::kernels
