#include <charconv>
#include <cmath>
#include <stdexcept>

#include "sim/core/quantity.hpp"
#include "sim/sweep/expression.hpp"

namespace moesim {
namespace {

constexpr Dimension kDimensions[] = {Dimension::kTime,      Dimension::kBytes,   Dimension::kWork,
                                     Dimension::kBandwidth, Dimension::kCompute, Dimension::kRate};

}  // namespace

std::optional<double> any_quantity(const std::string& text) {
  for (const auto dimension : kDimensions) {
    try {
      return parse_quantity(text, dimension);
    } catch (const std::invalid_argument&) {
      continue;  // of another dimension, or none
    }
  }
  return std::nullopt;
}

Expression::Value formula_value(const Node& scalar) {
  if (!scalar.is_scalar()) return {};
  if (scalar.quoted) return scalar.text;
  if (scalar.text == "true") return 1.0;
  if (scalar.text == "false") return 0.0;
  double number = 0;
  const char* end = scalar.text.data() + scalar.text.size();
  const auto [stop, error] = std::from_chars(scalar.text.data(), end, number);
  if (error == std::errc() && stop == end && std::isfinite(number)) return number;
  if (const auto quantity = any_quantity(scalar.text)) return *quantity;
  return scalar.text;
}

}  // namespace moesim
