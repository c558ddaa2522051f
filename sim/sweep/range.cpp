#include "sim/sweep/range.hpp"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "sim/core/parameters.hpp"
#include "sim/sweep/expression.hpp"

namespace moesim {
namespace {

/// A number as it was written: SI value, and the factor and text of its unit.
struct Written {
  double value = 0;   ///< SI
  double factor = 1;  ///< SI value of one unit
  std::string unit;   ///< " /s", "" without one
  bool whole = false;
};

Written written(const Node& range, const char* key) {
  const Node* node = range.find(key);
  if (node == nullptr)
    throw InputError(
        range.where,
        fmt::format("a range needs '{}' (like {{from: 4 /s, to: 32 /s, step: 4 /s}})", key));
  const auto value = formula_value(*node);
  if (node->quoted || !std::holds_alternative<double>(value) || node->text == "true" ||
      node->text == "false")
    throw InputError(
        node->where,
        fmt::format("expected a number or a quantity like '4 /s', found {}", node->describe()));
  Written result{std::get<double>(value), 1, "", false};
  const auto digits = node->text.find_first_not_of("0123456789.+-eE");
  if (digits == std::string::npos) {
    result.whole = node->text.find_first_not_of("0123456789-") == std::string::npos;
    return result;
  }
  result.unit = node->text.substr(digits);
  result.factor = any_quantity("1" + result.unit).value_or(1);
  return result;
}

/// Twelve digits: what a step added up leaves behind is not shown.
Node scalar_of(double value, const Written& like, bool whole, const Location& where) {
  const double shown = whole ? std::round(value) : value / like.factor;
  Node node = Node::scalar(fmt::format("{:.12g}{}", shown, like.unit));
  node.where = where;
  return node;
}

struct Range {
  Written from, to;
  bool logarithmic = false;
  std::vector<double> values;  ///< SI
};

void fill_steps(Range& range, const Node& node) {
  const auto step = written(node, "step");
  const auto& at = node.find("step")->where;
  if (step.unit.empty() != range.from.unit.empty())
    throw InputError(at, "'from' and 'step' need the same kind of unit");
  if (step.value <= 0) throw InputError(at, "the step must be above 0");
  const double count = std::floor((range.to.value - range.from.value) / step.value + 1e-9);
  if (count >= kMaxRange)
    throw InputError(at, fmt::format("the range has more than {} values", kMaxRange));
  for (int i = 0; i <= static_cast<int>(count); ++i)
    range.values.push_back(range.from.value + i * step.value);
  range.from.whole = range.from.whole && step.whole;
}

void fill_points(Range& range, const Node& node) {
  const auto points = read_integer(*node.find("points"));
  const auto& at = node.find("points")->where;
  if (points < 2 || points > kMaxRange)
    throw InputError(at, fmt::format("points: expected 2 to {}, found {}", kMaxRange, points));
  if (range.logarithmic && range.from.value <= 0)
    throw InputError(node.find("from")->where, "a logarithmic range starts above 0");
  const double last = static_cast<double>(points - 1);
  for (std::int64_t i = 0; i < points; ++i) {
    const double share = static_cast<double>(i) / last;
    range.values.push_back(
        range.logarithmic ? range.from.value * std::pow(range.to.value / range.from.value, share)
                          : range.from.value + share * (range.to.value - range.from.value));
  }
}

}  // namespace

std::vector<Node> read_range(const Node& node) {
  check_keys(node, {"from", "to", "step", "points", "scale", "key"});
  Range range{written(node, "from"), written(node, "to"), false, {}};
  if (range.from.unit.empty() != range.to.unit.empty())
    throw InputError(node.where, "'from' and 'to' need the same kind of unit");
  if (range.to.value <= range.from.value)
    throw InputError(node.find("to")->where, "'to' must be above 'from'");
  if (const Node* scale = node.find("scale"))
    range.logarithmic = read_choice(*scale, {"linear", "log"}) == 1;
  const bool steps = node.find("step") != nullptr;
  if (steps == (node.find("points") != nullptr))
    throw InputError(node.where, "a range needs either 'step' or 'points'");
  if (steps && range.logarithmic)
    throw InputError(node.find("scale")->where, "a logarithmic range needs 'points', not 'step'");
  if (steps)
    fill_steps(range, node);
  else
    fill_points(range, node);
  const bool whole = range.from.whole && range.to.whole;
  std::vector<Node> values;
  for (const double value : range.values) {
    auto scalar = scalar_of(value, range.from, whole, node.where);
    if (values.empty() || values.back().text != scalar.text) values.push_back(std::move(scalar));
  }
  return values;
}

}  // namespace moesim
