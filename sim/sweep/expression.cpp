#include "sim/sweep/expression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/sweep/expression_term.hpp"

namespace moesim {
namespace {

using Term = Expression::Term;
using Value = Expression::Value;

bool is_order(const std::string& symbol) {
  return symbol == "<" || symbol == ">" || symbol == "<=" || symbol == ">=";
}

bool is_comparison_symbol(const std::string& symbol) {
  return is_order(symbol) || symbol == "==" || symbol == "!=";
}

/// Walks the terms; remembers the formula for its errors.
class Evaluation {
 public:
  Evaluation(const Expression& formula, const Expression::Lookup& lookup)
      : formula_(formula), lookup_(lookup) {}

  Value value(const Term& term) const {
    switch (term.kind) {
      case Term::Kind::kNumber:
        return term.number;
      case Term::Kind::kText:
        return term.text;
      case Term::Kind::kName:
        return lookup_(term.text);
      case Term::Kind::kOperation:
        break;
    }
    const auto left = value(*term.left);
    if (term.text == "not") return left.index() == 0 ? Value{} : truth(as_number(left, term) == 0);
    const auto right = value(*term.right);
    if (term.text == "and" || term.text == "or") return logic(term, left, right);
    if (left.index() == 0 || right.index() == 0) return {};
    return is_comparison_symbol(term.text) ? compare(term, left, right)
                                           : arithmetic(term, left, right);
  }

 private:
  static Value truth(bool yes) { return yes ? 1.0 : 0.0; }

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(formula_.where(),
                     fmt::format("in the formula '{}': {}", formula_.text(), what));
  }
  double as_number(const Value& value, const Term& term) const {
    if (const auto* text = std::get_if<std::string>(&value))
      fail(fmt::format("'{}' needs numbers, '{}' is text", term.text, *text));
    return std::get<double>(value);
  }
  Value logic(const Term& term, const Value& left, const Value& right) const {
    const bool stop = term.text == "or";  // what decides on its own
    for (const auto* side : {&left, &right})
      if (side->index() != 0 && (as_number(*side, term) != 0) == stop) return truth(stop);
    if (left.index() == 0 || right.index() == 0) return {};
    return truth(!stop);
  }
  Value compare(const Term& term, const Value& left, const Value& right) const {
    if (left.index() != right.index()) {
      const auto* text = std::get_if<std::string>(&left);
      if (text == nullptr) text = std::get_if<std::string>(&right);
      fail(fmt::format("a number is compared with the text '{}'", *text));
    }
    if (term.text == "==") return truth(left == right);
    if (term.text == "!=") return truth(left != right);
    const double a = as_number(left, term), b = as_number(right, term);
    if (term.text == "<") return truth(a < b);
    if (term.text == ">") return truth(a > b);
    return term.text == "<=" ? truth(a <= b) : truth(a >= b);
  }
  Value arithmetic(const Term& term, const Value& left, const Value& right) const {
    const double a = as_number(left, term), b = as_number(right, term);
    if (term.text == "+") return a + b;
    if (term.text == "-") return a - b;
    if (term.text == "*") return a * b;
    return b == 0 ? Value{} : a / b;
  }

  const Expression& formula_;
  const Expression::Lookup& lookup_;
};

}  // namespace

Expression Expression::parse(const Node& scalar) {
  if (!scalar.is_scalar())
    throw InputError(scalar.where, "expected a formula, found " + scalar.describe());
  Expression formula;
  formula.text_ = scalar.text;
  formula.where_ = scalar.where;
  formula.root_ = parse_terms(formula.text_, formula.where_, formula.names_);
  return formula;
}

bool Expression::is_comparison() const {
  return root_->kind == Term::Kind::kOperation && is_comparison_symbol(root_->text);
}

Value Expression::evaluate(const Lookup& lookup) const {
  return Evaluation(*this, lookup).value(*root_);
}

std::optional<double> Expression::number(const Lookup& lookup) const {
  const auto value = evaluate(lookup);
  if (const auto* text = std::get_if<std::string>(&value))
    throw InputError(
        where_, fmt::format("the formula '{}' gives the text '{}', not a number", text_, *text));
  if (value.index() == 0 || !std::isfinite(std::get<double>(value))) return std::nullopt;
  return std::get<double>(value);
}

std::optional<double> Expression::violation(const Lookup& lookup) const {
  const auto holds = number(lookup);
  if (!holds) return std::nullopt;
  if (*holds != 0) return 0;
  if (root_->kind != Term::Kind::kOperation || !is_order(root_->text)) return 1;
  const Evaluation evaluation(*this, lookup);
  const auto left = evaluation.value(*root_->left), right = evaluation.value(*root_->right);
  const double a = std::get<double>(left), b = std::get<double>(right);
  return b == 0 ? std::abs(a - b) + 1e-12 : std::max(1e-12, std::abs(a - b) / std::abs(b));
}

}  // namespace moesim
