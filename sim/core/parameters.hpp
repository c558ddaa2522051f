// The one list of parameters of a section or a policy. From it come parsing with file:line:column
// errors, the resolved scenario, `moesim list`, help, the scenario reference and the JSON Schema,
// so they cannot disagree.
//
//   struct PoissonConfig {
//     PerSecond rate{1};
//     static const Parameters<PoissonConfig>& parameters();   // built once, see below
//     void check(const Node& at) const;                       // optional: rules over several
//     parameters
//   };
//   const Parameters<PoissonConfig>& PoissonConfig::parameters() {
//     static const auto list = Parameters<PoissonConfig>()
//         .required("rate", &PoissonConfig::rate, "mean request rate", "4 /s").above(0);
//     return list;
//   }
// A parameter added with optional() has the default that a default-constructed Config holds.
#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sim/core/value.hpp"

namespace moesim {

/// InputError when `node` is not a mapping or holds a key that is not in `valid` (with the nearest
/// valid name).
void check_keys(const Node& node, const std::vector<std::string>& valid);
/// InputError when a numeric parameter is outside its bounds.
void check_bounds(const Node& node, const ParameterInfo& info);

template <class Config>
class Parameters {
 public:
  template <class T>
  Parameters& optional(const std::string& name, T Config::*member, const std::string& doc) {
    return add(name, member, doc, false, "");
  }
  /// `example` is YAML text: a valid value, used by the reference and by the contract tests.
  template <class T>
  Parameters& required(const std::string& name, T Config::*member, const std::string& doc,
                       const std::string& example) {
    return add(name, member, doc, true, example);
  }
  /// Bounds of the parameter added last, in SI units.
  Parameters& min(double bound) { return fields_.back().info.minimum = bound, *this; }
  Parameters& max(double bound) { return fields_.back().info.maximum = bound, *this; }
  Parameters& above(double bound) {
    fields_.back().info.minimum_excluded = true;
    return min(bound);
  }
  /// The parameter added last is written only where it is given: scenarios without it keep their
  /// bytes.
  Parameters& unwritten_when_absent() { return fields_.back().unwritten_when_absent = true, *this; }

  /// Throws InputError for a missing, unknown, mistyped or out-of-bounds parameter.
  Config read(const Node& node) const {
    Config config{};
    const Node empty = [&] {
      Node n = Node::mapping();
      n.where = node.where;
      return n;
    }();
    const Node& mapping = node.is_null() ? empty : node;
    check_keys(mapping, names());
    for (const auto& field : fields_) {
      const Node* value = mapping.find(field.info.name);
      if (value != nullptr && value->is_null() && !field.info.nullable) value = nullptr;
      if (value == nullptr) {
        if (field.info.required)
          throw InputError(node.where, "missing parameter '" + field.info.name + "': " +
                                           field.info.doc + " (for example: " + field.info.name +
                                           ": " + field.info.example + ")");
        continue;
      }
      field.read(config, *value);
      check_bounds(*value, field.info);
    }
    if constexpr (requires { config.check(node); }) config.check(mapping);
    return config;
  }

  /// Every parameter with its value, defaults included: reading it back gives the same Config.
  Node write(const Config& config) const {
    Node node = Node::mapping();
    for (const auto& field : fields_) {
      Node value = field.write(config);
      if (!field.unwritten_when_absent || !value.is_null())
        node.set(field.info.name, std::move(value));
    }
    return node;
  }

  std::vector<ParameterInfo> describe() const {
    std::vector<ParameterInfo> infos;
    const Config defaults{};
    for (const auto& field : fields_) {
      infos.push_back(field.info);
      if (!field.info.required) infos.back().default_value = field.write(defaults);
    }
    return infos;
  }

  /// A mapping with the required parameters at their example values.
  Node example() const {
    Node node = Node::mapping();
    node.where = {"example", 1, 1};
    for (const auto& field : fields_)
      if (field.info.required) node.set(field.info.name, parse_yaml(field.info.example, "example"));
    return node;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& field : fields_) all.push_back(field.info.name);
    return all;
  }

 private:
  struct Field {
    ParameterInfo info;
    std::function<void(Config&, const Node&)> read;
    std::function<Node(const Config&)> write;
    bool unwritten_when_absent = false;
  };

  template <class T>
  Parameters& add(const std::string& name, T Config::*member, const std::string& doc, bool required,
                  const std::string& example) {
    Field field;
    field.info.name = name;
    field.info.doc = doc;
    field.info.required = required;
    field.info.example = example;
    Value<T>::describe(field.info);
    field.read = [member](Config& config, const Node& node) {
      config.*member = Value<T>::read(node);
    };
    field.write = [member](const Config& config) { return Value<T>::write(config.*member); };
    fields_.push_back(std::move(field));
    return *this;
  }

  std::vector<Field> fields_;
};

/// A struct with its own parameter list is a nested section.
template <class T>
concept Section = requires {
  { T::parameters() } -> std::convertible_to<const Parameters<T>&>;
};

template <Section T>
struct Value<T> {
  static T read(const Node& node) { return T::parameters().read(node); }
  static Node write(const T& value) { return T::parameters().write(value); }
  static void describe(ParameterInfo& info) {
    info.type = "section";
    info.children = T::parameters().describe();
  }
};

}  // namespace moesim
