// Physical quantities as types: a dimension is a vector of exponents (time, bytes, floating-point
// operations), so that Bytes / BytesPerSecond is Seconds and adding Bytes to Seconds does not
// compile. Values are SI: seconds, bytes, FLOP.
// `.value` is for the boundary to SimGrid, Eigen and arrays only.
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace moesim {

template <int Time, int Data, int Work>
struct Quantity {
  double value = 0;

  constexpr Quantity() = default;
  constexpr explicit Quantity(double v) : value(v) {}
  constexpr auto operator<=>(const Quantity&) const = default;
  constexpr Quantity& operator+=(Quantity o) { return value += o.value, *this; }
  constexpr Quantity& operator-=(Quantity o) { return value -= o.value, *this; }
  constexpr Quantity& operator*=(double f) { return value *= f, *this; }
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity(a.value + b.value);
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity(a.value - b.value);
  }
  friend constexpr Quantity operator*(Quantity a, double f) { return Quantity(a.value * f); }
  friend constexpr Quantity operator*(double f, Quantity a) { return Quantity(a.value * f); }
  friend constexpr Quantity operator/(Quantity a, double f) { return Quantity(a.value / f); }
  friend constexpr double operator/(Quantity a, Quantity b) { return a.value / b.value; }
};

template <int T1, int D1, int W1, int T2, int D2, int W2>
requires(T1 != T2 || D1 != D2 || W1 != W2) constexpr Quantity<T1 - T2, D1 - D2, W1 - W2> operator/(
    Quantity<T1, D1, W1> a, Quantity<T2, D2, W2> b) {
  return Quantity<T1 - T2, D1 - D2, W1 - W2>(a.value / b.value);
}

template <int T1, int D1, int W1, int T2, int D2, int W2>
constexpr Quantity<T1 + T2, D1 + D2, W1 + W2> operator*(Quantity<T1, D1, W1> a,
                                                        Quantity<T2, D2, W2> b) {
  return Quantity<T1 + T2, D1 + D2, W1 + W2>(a.value * b.value);
}

using Seconds = Quantity<1, 0, 0>;
using Bytes = Quantity<0, 1, 0>;
using Flop = Quantity<0, 0, 1>;
using BytesPerSecond = Quantity<-1, 1, 0>;
using FlopPerSecond = Quantity<-1, 0, 1>;
using PerSecond = Quantity<-1, 0, 0>;

enum class Dimension { kTime, kBytes, kWork, kBandwidth, kCompute, kRate };

template <class Q>
constexpr Dimension dimension_of() {
  if constexpr (std::is_same_v<Q, Seconds>)
    return Dimension::kTime;
  else if constexpr (std::is_same_v<Q, Bytes>)
    return Dimension::kBytes;
  else if constexpr (std::is_same_v<Q, Flop>)
    return Dimension::kWork;
  else if constexpr (std::is_same_v<Q, BytesPerSecond>)
    return Dimension::kBandwidth;
  else if constexpr (std::is_same_v<Q, FlopPerSecond>)
    return Dimension::kCompute;
  else
    return Dimension::kRate;
}

/// "time", "bytes", ... and an example of how it is written, for help and error texts.
std::string_view dimension_name(Dimension dimension);
/// "a time", "a number of bytes", ...
std::string_view dimension_phrase(Dimension dimension);
std::string_view dimension_example(Dimension dimension);

/// The SI value of a text such as "900 GB/s", "80 GiB", "3.2 us", "989 TFLOP/s", "4 /s" or "400
/// Gbit/s". Throws std::invalid_argument with a sentence that says what is wrong (no unit, unknown
/// unit, wrong dimension, not a number); the caller adds the place.
double parse_quantity(std::string_view text, Dimension dimension);

/// The shortest text that parse_quantity reads back as exactly `value`, in a readable unit.
std::string format_quantity(double value, Dimension dimension);

}  // namespace moesim
