// Logarithm and exponential for cost models, which take several for every operation and need six
// digits: a table of 128 and 64 places and a short series between them, without a division and
// without branches. IEEE add and multiply alone, so the same bytes on any machine.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "sim/core/portable_math.hpp"

namespace moesim {

/// Place i of the logarithm is 1 + i / 128.
struct QuickLogTable {
  static constexpr int kBits = 7, kPlaces = 1 << kBits;
  struct Place {
    double inverse = 1, log = 0;
  };
  std::array<Place, kPlaces + 1> places{};
  constexpr QuickLogTable() {
    for (int i = 0; i <= kPlaces; ++i) {
      const double place = 1 + i / static_cast<double>(kPlaces);
      places[static_cast<std::size_t>(i)] = {1 / place, portable_log(place)};
    }
  }
};
inline constexpr QuickLogTable kQuickLogTable;

/// Place i of the exponential is 2^(i / 64).
struct QuickExpTable {
  static constexpr int kBits = 6, kPlaces = 1 << kBits;
  std::array<double, kPlaces> powers{};
  constexpr QuickExpTable() {
    for (int i = 0; i < kPlaces; ++i)
      powers[static_cast<std::size_t>(i)] = portable_exp(i * (0.6931471805599453 / kPlaces));
  }
};
inline constexpr QuickExpTable kQuickExpTable;

/// Natural logarithm of a positive, normal double; absolute error below 1e-12, 0 for 1.
constexpr double quick_log(double x) {
  using Table = QuickLogTable;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto exponent = static_cast<double>(static_cast<std::int64_t>(bits >> 52) - 1023);
  const double m = std::bit_cast<double>((bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL);
  const auto nearest = ((bits >> (51 - Table::kBits) & (2 * Table::kPlaces - 1)) + 1) >> 1;
  const auto& place = kQuickLogTable.places[nearest];
  const double r = m * place.inverse - 1, r2 = r * r;  // |r| <= 1 / 256
  const double series = (r - r2 * 0.5) + r2 * r * (1.0 / 3 - r * 0.25 + r2 * 0.2);
  return (exponent * 0.6931471805599453 + place.log) + series;
}

/// Exponential for |x| < 700, relative error below 1e-12.
constexpr double quick_exp(double x) {
  using Table = QuickExpTable;
  constexpr double per_place = 0.6931471805599453 / Table::kPlaces;
  constexpr double rounding = 6755399441055744.0;  // 1.5 x 2^52: adding it rounds to a whole number
  const double rounded = x * (1 / per_place) + rounding;
  const auto n = std::bit_cast<std::int64_t>(rounded) - std::bit_cast<std::int64_t>(rounding);
  const double r = x - (rounded - rounding) * per_place;  // |r| <= ln 2 / 128
  const double series = r + r * r * (0.5 + r * (1.0 / 6) + r * r * (1.0 / 24));
  const double power = kQuickExpTable.powers[static_cast<std::size_t>(n & (Table::kPlaces - 1))];
  const double scale =
      std::bit_cast<double>(static_cast<std::uint64_t>((n >> Table::kBits) + 1023) << 52);
  return (power + power * series) * scale;
}

}  // namespace moesim
