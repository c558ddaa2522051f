// The small formulas of a sweep file: conditions ("parallel.expert <= 16 or engine.host_time > 1
// ms"), constraints ("ttft_s.p99 <= 500 ms"), derived metrics ("2.5 * gpus / requests_per_s").
// Numbers (with units: their SI value), 'text', dotted names, + - * / ( ), comparisons, and, or,
// not. What a name means is the caller's. No functions, no assignment, no conversion between text
// and number: comparing the two is an error.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/core/node.hpp"

namespace moesim {

class Expression {
 public:
  /// A truth is the number 1 or 0; nothing: the name has no value here, and so has the formula.
  using Value = std::variant<std::monostate, double, std::string>;
  using Lookup = std::function<Value(const std::string& name)>;

  Expression() = default;
  /// Throws InputError at the place inside the scalar where the formula stops making sense.
  static Expression parse(const Node& scalar);

  const std::string& text() const { return text_; }
  const Location& where() const { return where_; }
  /// Every name in it, in order of appearance, once.
  const std::vector<std::string>& names() const { return names_; }
  bool is_comparison() const;

  /// Throws InputError when text meets arithmetic or a number is compared with text.
  Value evaluate(const Lookup& lookup) const;
  /// The same for a formula whose value must be a number.
  std::optional<double> number(const Lookup& lookup) const;
  /// How far a comparison of numbers is from being true: 0 when it is, else the distance relative
  /// to its right side; 1 for any other formula that is false. Nothing when a name has no value.
  std::optional<double> violation(const Lookup& lookup) const;

  struct Term;

 private:
  std::string text_;
  Location where_;
  std::vector<std::string> names_;
  std::shared_ptr<const Term> root_;
};

/// What a scalar of a scenario means in a formula: a quantity or a number its SI value, true and
/// false 1 and 0, anything else text.
Expression::Value formula_value(const Node& scalar);

/// The SI value of a text with a unit of any dimension ("900 GB/s"), or nothing.
std::optional<double> any_quantity(const std::string& text);

}  // namespace moesim
