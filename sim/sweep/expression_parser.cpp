#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "sim/sweep/expression_term.hpp"

namespace moesim {
namespace {

using Term = Expression::Term;

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}

/// Recursive descent over the text; every level is one function.
class Parser {
 public:
  Parser(const std::string& text, const Location& where, std::vector<std::string>& names)
      : text_(text), where_(where), names_(names) {}

  TermPointer whole() {
    auto term = any_of();
    skip_blanks();
    if (at_ < text_.size()) fail("an operator");
    return term;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    Location place = where_;
    if (place.line > 0) place.column += static_cast<int>(at_);
    const auto found = at_ < text_.size() ? "'" + text_.substr(at_) + "'" : std::string("the end");
    throw InputError(
        place, fmt::format("in the formula '{}': expected {}, found {}", text_, expected, found));
  }
  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(std::string_view symbol) {
    skip_blanks();
    if (!std::string_view(text_).substr(at_).starts_with(symbol)) return false;
    const auto after = at_ + symbol.size();
    const bool word = std::isalpha(static_cast<unsigned char>(symbol.front())) != 0;
    if (word && after < text_.size() && is_name_character(text_[after])) return false;
    at_ = after;
    return true;
  }
  static TermPointer operation(std::string_view symbol, TermPointer left, TermPointer right) {
    return std::make_shared<Term>(
        Term{Term::Kind::kOperation, 0, std::string(symbol), std::move(left), std::move(right)});
  }
  TermPointer any_of() {
    auto term = all_of();
    while (take("or")) term = operation("or", term, all_of());
    return term;
  }
  TermPointer all_of() {
    auto term = negation();
    while (take("and")) term = operation("and", term, negation());
    return term;
  }
  TermPointer negation() {
    if (take("not")) return operation("not", negation(), nullptr);
    return comparison();
  }
  TermPointer comparison() {
    auto left = sum();
    for (const char* symbol : {"<=", ">=", "==", "!=", "<", ">"})
      if (take(symbol)) return operation(symbol, left, sum());
    return left;
  }
  TermPointer sum() {
    auto term = product();
    while (true) {
      if (take("+"))
        term = operation("+", term, product());
      else if (take("-"))
        term = operation("-", term, product());
      else
        return term;
    }
  }
  TermPointer product() {
    auto term = atom();
    while (true) {
      if (take("*"))
        term = operation("*", term, atom());
      else if (take("/"))
        term = operation("/", term, atom());
      else
        return term;
    }
  }
  TermPointer atom() {
    skip_blanks();
    if (++depth_ > 200) fail("fewer nested parts");
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    TermPointer term;
    if (take("("))
      term = bracketed();
    else if (take("-"))
      term = operation("-", std::make_shared<Term>(), atom());
    else if (c == '\'')
      term = quoted();
    else if (std::isdigit(static_cast<unsigned char>(c)) != 0)
      term = number();
    else if (std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_')
      term = name();
    else
      fail("a number, a name or '('");
    --depth_;
    return term;
  }
  TermPointer bracketed() {
    auto term = any_of();
    if (!take(")")) fail("')'");
    return term;
  }
  TermPointer quoted() {
    const auto end = text_.find('\'', at_ + 1);
    if (end == std::string::npos) fail("a closing quote");
    auto term = std::make_shared<Term>();
    term->kind = Term::Kind::kText;
    term->text = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return term;
  }
  TermPointer name() {
    const auto start = at_;
    while (at_ < text_.size() && is_name_character(text_[at_])) ++at_;
    auto term = std::make_shared<Term>();
    term->kind = Term::Kind::kName;
    term->text = text_.substr(start, at_ - start);
    if (std::ranges::find(names_, term->text) == names_.end()) names_.push_back(term->text);
    return term;
  }
  TermPointer number() {
    auto term = std::make_shared<Term>();
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), term->number);
    if (error != std::errc() || !std::isfinite(term->number)) fail("a number within range");
    const auto digits = static_cast<std::size_t>(end - begin);
    const auto size = quantity_size(digits);
    if (size > digits) term->number = *any_quantity(text_.substr(at_, size));
    at_ += size;
    return term;
  }
  /// Characters of the number and the unit behind it; of the number alone when what follows is no
  /// unit ("3 and").
  std::size_t quantity_size(std::size_t digits) const {
    auto end = at_ + digits;
    while (end < text_.size() && text_[end] == ' ') ++end;
    const auto is_unit = [](char c) {
      return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '/';
    };
    while (end < text_.size() && is_unit(text_[end])) ++end;
    if (end < text_.size() && is_name_character(text_[end])) return digits;
    return any_quantity(text_.substr(at_, end - at_)) ? end - at_ : digits;
  }

  const std::string& text_;
  const Location& where_;
  std::vector<std::string>& names_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

TermPointer parse_terms(const std::string& text, const Location& where,
                        std::vector<std::string>& names) {
  return Parser(text, where, names).whole();
}

}  // namespace moesim
