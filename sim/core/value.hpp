// How one C++ type is read from a Node, written back, and described for help and the JSON Schema.
// Specialised here for booleans, integers, numbers, text, quantities, lists, optionals, named
// choices (enums) and nested sections; slots add theirs in registry.hpp. A new kind of parameter is
// a new specialisation, nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/core/node.hpp"
#include "sim/core/quantity.hpp"

namespace moesim {

/// What is known about one parameter: the single source of parsing, `moesim list`, help, the
/// reference in the README and the JSON Schema.
struct ParameterInfo {
  std::string name;
  std::string type;  ///< bool, integer, number, text, quantity, choice, section, slot; with `list`
                     ///< for lists of it
  std::optional<Dimension> dimension;
  bool list = false;
  bool required = false;
  bool nullable = false;
  Node default_value;   ///< meaningful when not required
  std::string example;  ///< YAML text; for required parameters
  std::string doc;
  std::vector<std::string> choices;
  std::string slot;                     ///< type slot: which one
  std::vector<ParameterInfo> children;  ///< type section
  std::string by_name;  ///< section that may be written as one name: the key that holds it
  std::optional<double> minimum, maximum;
  bool minimum_excluded = false;
};

template <class T>
struct Value;

/// Scalars as text with checks; `what` names the parameter in errors.
bool read_bool(const Node& node);
std::int64_t read_integer(const Node& node);
double read_number(const Node& node);
std::string read_text(const Node& node);
double read_quantity(const Node& node, Dimension dimension);
std::size_t read_choice(const Node& node, const std::vector<std::string>& names);
std::string format_number(double value);

template <>
struct Value<bool> {
  static bool read(const Node& node) { return read_bool(node); }
  static Node write(bool value) { return Node::scalar(value ? "true" : "false"); }
  static void describe(ParameterInfo& info) { info.type = "bool"; }
};

template <>
struct Value<std::int64_t> {
  static std::int64_t read(const Node& node) { return read_integer(node); }
  static Node write(std::int64_t value) { return Node::scalar(std::to_string(value)); }
  static void describe(ParameterInfo& info) { info.type = "integer"; }
};

template <>
struct Value<double> {
  static double read(const Node& node) { return read_number(node); }
  static Node write(double value) { return Node::scalar(format_number(value)); }
  static void describe(ParameterInfo& info) { info.type = "number"; }
};

template <>
struct Value<std::string> {
  static std::string read(const Node& node) { return read_text(node); }
  static Node write(const std::string& value) { return Node::scalar(value, true); }
  static void describe(ParameterInfo& info) { info.type = "text"; }
};

template <int T, int D, int W>
struct Value<Quantity<T, D, W>> {
  using Type = Quantity<T, D, W>;
  static Type read(const Node& node) { return Type(read_quantity(node, dimension_of<Type>())); }
  static Node write(Type value) {
    return Node::scalar(format_quantity(value.value, dimension_of<Type>()));
  }
  static void describe(ParameterInfo& info) {
    info.type = "quantity";
    info.dimension = dimension_of<Type>();
  }
};

template <class T>
struct Value<std::optional<T>> {
  static std::optional<T> read(const Node& node) {
    if (node.is_null()) return std::nullopt;
    return Value<T>::read(node);
  }
  static Node write(const std::optional<T>& value) {
    return value ? Value<T>::write(*value) : Node{};
  }
  static void describe(ParameterInfo& info) {
    Value<T>::describe(info);
    info.nullable = true;
  }
};

template <class T>
struct Value<std::vector<T>> {
  static std::vector<T> read(const Node& node) {
    if (!node.is_sequence())
      throw InputError(node.where, "expected a list, found " + node.describe());
    std::vector<T> values;
    for (const auto& item : node.items) values.push_back(Value<T>::read(item));
    return values;
  }
  static Node write(const std::vector<T>& values) {
    Node node = Node::sequence();
    for (const auto& value : values) node.items.push_back(Value<T>::write(value));
    return node;
  }
  static void describe(ParameterInfo& info) {
    Value<T>::describe(info);
    info.list = true;
  }
};

/// An enum becomes a parameter by a function that lists its names in the order of its values, found
/// by argument-dependent lookup: `const std::vector<std::string>& names_of(MyEnum);`
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e) {
  { names_of(e) } -> std::convertible_to<const std::vector<std::string>&>;
};

template <NamedEnum E>
struct Value<E> {
  static E read(const Node& node) { return static_cast<E>(read_choice(node, names_of(E{}))); }
  static Node write(E value) {
    return Node::scalar(names_of(E{}).at(static_cast<std::size_t>(value)));
  }
  static void describe(ParameterInfo& info) {
    info.type = "choice";
    info.choices = names_of(E{});
  }
};

template <NamedEnum E>
const std::string& name_of(E value) {
  return names_of(E{}).at(static_cast<std::size_t>(value));
}

}  // namespace moesim
