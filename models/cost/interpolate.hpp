// Places on a logarithmic axis, and how much a measurement counts at a distance: shared by the
// residual grids.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "models/cost/quick_math.hpp"

namespace moesim {

/// Logarithms of small counts.
struct LogsOfCounts {
  std::array<double, 1024> logs{};
  constexpr LogsOfCounts() {
    for (std::size_t i = 1; i < logs.size(); ++i) logs[i] = quick_log(static_cast<double>(i));
  }
};
inline constexpr LogsOfCounts kLogsOfCounts;

/// log of a positive count; small ones from a table.
inline double log_of_count(std::int64_t count) {
  return count < 1024 ? kLogsOfCounts.logs[static_cast<std::size_t>(count)]
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

/// `near` is where to begin to look, the place below an earlier value; it is updated.
inline AxisPlace place_on(const std::vector<double>& axis, double value, std::size_t& near) {
  const std::size_t last = axis.size() - 1;
  if (value <= axis.front()) return {0, 0, 0, axis.front() - value};
  if (value >= axis.back()) return {last, last, 0, value - axis.back()};
  while (value < axis[near]) --near;
  while (value >= axis[near + 1]) ++near;
  const double low = axis[near], high = axis[near + 1];
  return {near, near + 1, (value - low) / (high - low), 0};
}

inline AxisPlace place_on(const std::vector<double>& axis, double value) {
  std::size_t near =
      static_cast<std::size_t>(std::upper_bound(axis.begin(), axis.end(), value) - axis.begin());
  near = std::min(near > 0 ? near - 1 : 0, axis.size() > 1 ? axis.size() - 2 : 0);
  return place_on(axis, value, near);
}

/// Outside of the measured range a residual fades: to a half at a factor of e, to nothing at e^3.
inline double fade(double outside) {
  return outside <= 0 ? 1.0 : quick_exp(-0.6931471805599453 * outside * outside);
}

}  // namespace moesim
