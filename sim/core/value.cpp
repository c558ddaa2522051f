#include "sim/core/value.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <stdexcept>

#include "sim/core/suggest.hpp"

namespace moesim {
namespace {

const std::string& plain(const Node& node, std::string_view expected) {
  if (!node.is_scalar())
    throw InputError(node.where, fmt::format("expected {}, found {}", expected, node.describe()));
  if (node.quoted)
    throw InputError(node.where,
                     fmt::format("expected {}, found the quoted text \"{}\"", expected, node.text));
  return node.text;
}

template <class T>
T parse(const Node& node, std::string_view expected) {
  const auto& text = plain(node, expected);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range)
    throw InputError(node.where, fmt::format("{} is out of range", text));
  if (error != std::errc() || end != text.data() + text.size())
    throw InputError(node.where, fmt::format("expected {}, found '{}'", expected, text));
  return value;
}

}  // namespace

bool read_bool(const Node& node) {
  const auto& text = plain(node, "true or false");
  if (text == "true") return true;
  if (text == "false") return false;
  throw InputError(node.where, fmt::format("expected true or false, found '{}'", text));
}

std::int64_t read_integer(const Node& node) { return parse<std::int64_t>(node, "a whole number"); }

double read_number(const Node& node) {
  const double value = parse<double>(node, "a number");
  if (!std::isfinite(value))
    throw InputError(node.where, "expected a finite number, found " + node.text);
  return value;
}

std::string read_text(const Node& node) {
  if (!node.is_scalar())
    throw InputError(node.where, fmt::format("expected text, found {}", node.describe()));
  return node.text;
}

double read_quantity(const Node& node, Dimension dimension) {
  const auto expected = fmt::format("{} with its unit, like '{}'", dimension_phrase(dimension),
                                    dimension_example(dimension));
  if (!node.is_scalar())
    throw InputError(node.where, fmt::format("expected {}, found {}", expected, node.describe()));
  try {
    return parse_quantity(node.text, dimension);
  } catch (const std::invalid_argument& error) {
    throw InputError(node.where, error.what());
  }
}

std::size_t read_choice(const Node& node, const std::vector<std::string>& names) {
  const auto text = read_text(node);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == text) return i;
  throw InputError(node.where,
                   fmt::format("unknown value '{}'{}", text, did_you_mean(text, names)));
}

std::string format_number(double value) { return fmt::format("{}", value); }

}  // namespace moesim
