#include "sim/core/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "sim/core/suggest.hpp"

namespace moesim {
namespace {

struct Unit {
  std::string_view name;
  Dimension dimension;
  double factor;
  bool preferred = false;  ///< used by format_quantity; listed from large to small
};

// Decimal prefixes are powers of 1000, binary ones (Ki, Mi, ...) of 1024. "bit" exists because NICs
// are sold in Gbit/s.
const std::vector<Unit>& units() {
  static const std::vector<Unit> table = [] {
    std::vector<Unit> u = {
        {"h", Dimension::kTime, 3600},        {"min", Dimension::kTime, 60},
        {"s", Dimension::kTime, 1, true},     {"ms", Dimension::kTime, 1e-3, true},
        {"us", Dimension::kTime, 1e-6, true}, {"ns", Dimension::kTime, 1e-9, true},
        {"/s", Dimension::kRate, 1, true},    {"req/s", Dimension::kRate, 1},
        {"tok/s", Dimension::kRate, 1},       {"Hz", Dimension::kRate, 1},
        {"/min", Dimension::kRate, 1.0 / 60}, {"req/min", Dimension::kRate, 1.0 / 60},
        {"/h", Dimension::kRate, 1.0 / 3600}, {"req/h", Dimension::kRate, 1.0 / 3600}};
    constexpr std::array<std::string_view, 6> prefix = {"P", "T", "G", "M", "k", ""};
    constexpr std::array<double, 6> scale = {1e15, 1e12, 1e9, 1e6, 1e3, 1};
    static std::vector<std::string> names;  // owns the composed names
    names.reserve(128);
    const auto add = [&](std::string name, Dimension d, double factor, bool preferred) {
      names.push_back(std::move(name));
      u.push_back({names.back(), d, factor, preferred});
    };
    for (std::size_t i = 0; i < prefix.size(); ++i) {
      const std::string p(prefix[i]);
      add(p + "B", Dimension::kBytes, scale[i], true);
      add(p + "B/s", Dimension::kBandwidth, scale[i], true);
      add(p + "bit/s", Dimension::kBandwidth, scale[i] / 8, false);
      add(p + "FLOP", Dimension::kWork, scale[i], true);
      add(p + "FLOP/s", Dimension::kCompute, scale[i], true);
      add(p + "FLOPS", Dimension::kCompute, scale[i], false);
    }
    constexpr std::array<std::string_view, 5> binary = {"Ki", "Mi", "Gi", "Ti", "Pi"};
    for (std::size_t i = 0; i < binary.size(); ++i) {
      const double factor = std::ldexp(1.0, 10 * (static_cast<int>(i) + 1));
      add(std::string(binary[i]) + "B", Dimension::kBytes, factor, false);
      add(std::string(binary[i]) + "B/s", Dimension::kBandwidth, factor, false);
    }
    return u;
  }();
  return table;
}

std::vector<std::string> unit_names(Dimension dimension) {
  std::vector<std::string> names;
  for (const auto& unit : units())
    if (unit.dimension == dimension) names.emplace_back(unit.name);
  return names;
}

}  // namespace

std::string_view dimension_name(Dimension dimension) {
  switch (dimension) {
    case Dimension::kTime:
      return "time";
    case Dimension::kBytes:
      return "bytes";
    case Dimension::kWork:
      return "FLOP";
    case Dimension::kBandwidth:
      return "bandwidth";
    case Dimension::kCompute:
      return "FLOP rate";
    case Dimension::kRate:
      return "rate";
  }
  return "";
}

std::string_view dimension_phrase(Dimension dimension) {
  switch (dimension) {
    case Dimension::kTime:
      return "a time";
    case Dimension::kBytes:
      return "a number of bytes";
    case Dimension::kWork:
      return "a number of FLOP";
    case Dimension::kBandwidth:
      return "a bandwidth";
    case Dimension::kCompute:
      return "a FLOP rate";
    case Dimension::kRate:
      return "a rate";
  }
  return "";
}

std::string_view dimension_example(Dimension dimension) {
  switch (dimension) {
    case Dimension::kTime:
      return "3.2 us";
    case Dimension::kBytes:
      return "80 GiB";
    case Dimension::kWork:
      return "2 TFLOP";
    case Dimension::kBandwidth:
      return "900 GB/s";
    case Dimension::kCompute:
      return "989 TFLOP/s";
    case Dimension::kRate:
      return "4 /s";
  }
  return "";
}

double parse_quantity(std::string_view text, Dimension dimension) {
  const auto example = dimension_example(dimension);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number))
    throw std::invalid_argument(fmt::format("'{}' is not {} (write it like '{}')", text,
                                            dimension_phrase(dimension), example));
  std::string_view name(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  if (name.empty())
    throw std::invalid_argument(fmt::format("'{}' has no unit; {} is written like '{}'", text,
                                            dimension_phrase(dimension), example));
  for (const auto& unit : units()) {
    if (unit.name != name) continue;
    if (unit.dimension != dimension)
      throw std::invalid_argument(fmt::format("'{}' is {}, but {} belongs here (like '{}')", text,
                                              dimension_phrase(unit.dimension),
                                              dimension_phrase(dimension), example));
    if (!std::isfinite(number * unit.factor))
      throw std::invalid_argument(fmt::format("{} is out of range", text));
    return number * unit.factor;
  }
  throw std::invalid_argument(
      fmt::format("unknown unit '{}'{}", name, did_you_mean(name, unit_names(dimension))));
}

std::string format_quantity(double value, Dimension dimension) {
  const Unit* best = &units().front();
  for (const auto& unit : units()) {
    if (unit.dimension != dimension || !unit.preferred) continue;
    best = &unit;  // from large to small: stop at the first that is not above the value
    if (value == 0 ? unit.factor == 1 : std::abs(value) >= unit.factor) break;
  }
  const auto text = fmt::format("{} {}", value / best->factor, best->name);
  if (parse_quantity(text, dimension) == value) return text;
  for (const auto& unit :
       units())  // rounding in the division: fall back on the SI unit, which is exact
    if (unit.dimension == dimension && unit.factor == 1)
      return fmt::format("{} {}", value, unit.name);
  return text;
}

}  // namespace moesim
