#include "sim/report/human.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace moesim {
namespace {

std::string separated(std::string digits) {
  const auto start = static_cast<std::size_t>(!digits.empty() && digits[0] == '-' ? 1 : 0);
  auto end = digits.find('.');
  if (end == std::string::npos) end = digits.size();
  for (std::size_t i = end; i > start + 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

/// Decimals that leave three significant digits.
int decimals_of(double value) {
  if (value == 0) return 0;
  return std::max(0, 2 - static_cast<int>(std::floor(std::log10(std::abs(value)))));
}

}  // namespace

std::string human_fixed(double value, int decimals) {
  auto text = fmt::format("{:.{}f}", value, decimals);
  if (text.find_first_not_of("-0.") == std::string::npos && text[0] == '-') text.erase(0, 1);
  return separated(text);
}

std::string human_number(double value) {
  if (!std::isfinite(value) || std::abs(value) >= 1e15) return fmt::format("{:.3g}", value);
  if (std::abs(value) < 1e-12) return "0";
  auto text = human_fixed(value, decimals_of(value));
  if (text.find('.') == std::string::npos || std::abs(value) >= 1) return text;
  text.erase(text.find_last_not_of('0') + 1);  // 0.500 reads as 0.5
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string human_count(std::int64_t value) { return separated(fmt::format("{}", value)); }

std::string human_time(double seconds) {
  const double size = std::abs(seconds);
  // 999.5 of a unit would round to 1000 of it: step up early.
  if (size == 0 || size >= 0.9995) return human_number(seconds) + " s";
  if (size >= 0.9995e-3) return human_number(seconds * 1e3) + " ms";
  if (size >= 0.9995e-6) return human_number(seconds * 1e6) + " us";
  return human_number(seconds * 1e9) + " ns";
}

std::string human_bytes(double bytes) {
  constexpr const char* names[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  int unit = 0;
  while (std::abs(bytes) >= 999.5 && unit < 5) {
    bytes /= 1000;
    ++unit;
  }
  return human_number(bytes) + " " + names[unit];
}

std::string human_percent(double fraction) {
  const double percent = fraction * 100;
  return human_fixed(percent, std::abs(percent) < 99.95 ? 1 : 0) + " %";
}

}  // namespace moesim
