// The tree behind an Expression, shared by its parser and its evaluation; for the .cpp files of
// those two only.
#pragma once

#include "sim/sweep/expression.hpp"

namespace moesim {

/// A number, text or name, or an operation on one or two terms.
struct Expression::Term {
  enum class Kind { kNumber, kText, kName, kOperation };
  Kind kind = Kind::kNumber;
  double number = 0;
  std::string text;  ///< text, name or operator
  std::shared_ptr<const Term> left, right;
};

using TermPointer = std::shared_ptr<const Expression::Term>;

/// Parses `text`, which stands at `where`; appends to `names`. Throws InputError.
TermPointer parse_terms(const std::string& text, const Location& where,
                        std::vector<std::string>& names);

}  // namespace moesim
