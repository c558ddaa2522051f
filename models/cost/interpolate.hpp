// Places on a logarithmic axis, and how much a measurement counts at a distance: shared by the
// residual grids.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "sim/core/portable_math.hpp"

namespace moesim {

/// log of a positive count; small ones from a table.
inline double log_of_count(std::int64_t count) {
  static const auto table = [] {
    std::array<double, 1024> logs{};
    for (std::size_t i = 1; i < logs.size(); ++i) logs[i] = quick_log(static_cast<double>(i));
    return logs;
  }();
  return count < 1024 ? table[static_cast<std::size_t>(count)]
                      : quick_log(static_cast<double>(count));
}

inline std::vector<double> logs_of(const std::vector<std::int64_t>& values) {
  std::vector<double> logs;
  for (const auto value : values) logs.push_back(quick_log(static_cast<double>(value)));
  return logs;
}

/// Between which two points of an ascending axis a value lies, and how far outside the axis.
struct AxisPlace {
  std::size_t below = 0, above = 0;
  double share = 0;    ///< weight of `above`
  double outside = 0;  ///< natural logarithms beyond the nearest end
};

inline AxisPlace place_on(const std::vector<double>& axis, double value) {
  if (value <= axis.front()) return {0, 0, 0, axis.front() - value};
  if (value >= axis.back()) return {axis.size() - 1, axis.size() - 1, 0, value - axis.back()};
  const auto above =
      static_cast<std::size_t>(std::upper_bound(axis.begin(), axis.end(), value) - axis.begin());
  const double low = axis[above - 1], high = axis[above];
  return {above - 1, above, (value - low) / (high - low), 0};
}

/// Outside of the measured range a residual fades: to a half at a factor of e, to nothing at e^3.
inline double fade(double outside) {
  return outside <= 0 ? 1.0 : quick_exp(-0.6931471805599453 * outside * outside);
}

}  // namespace moesim
