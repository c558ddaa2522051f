#include "sim/sweep/axis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/core/parameters.hpp"
#include "sim/sweep/expression.hpp"
#include "sim/sweep/range.hpp"

namespace moesim {
namespace {

/// What stands in a table for a value: a scalar as it is, a policy by its parameters.
std::string label_of(const Node& value) {
  if (value.is_null()) return "null";
  if (value.is_scalar()) return value.text;
  std::string label;
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    const bool type = value.is_mapping() && value.keys[i] == "type";
    if (!label.empty()) label += " ";
    if (value.is_mapping() && !type) label += value.keys[i] + "=";
    label += label_of(value.items[i]);
  }
  return label;
}

std::vector<Node> values_of(const Node& node) {
  if (node.is_sequence()) {
    if (node.items.empty()) throw InputError(node.where, "an axis needs at least one value");
    return node.items;
  }
  if (!node.is_mapping())
    throw InputError(node.where, "expected a list of values or a range {from, to, step}, found " +
                                     node.describe());
  return read_range(node);
}

void fill_zip(Axis& axis, const Node& zip) {
  if (!zip.is_mapping() || zip.keys.size() < 2)
    throw InputError(zip.where, "zip: expected two or more keys with their lists of values");
  for (std::size_t k = 0; k < zip.keys.size(); ++k) {
    const auto values = values_of(zip.items[k]);
    if (k == 0) axis.values.resize(values.size());
    if (values.size() != axis.values.size())
      throw InputError(zip.key_where[k],
                       fmt::format("zip: '{}' has {} values, '{}' has {}", zip.keys[k],
                                   values.size(), zip.keys[0], axis.values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto& value = axis.values[i];
      if (k == 0) value.where = values[i].where;
      if (k == 0) value.label = label_of(values[i]);
      value.keys.emplace_back(zip.keys[k], values[i]);
    }
  }
}

void fill_variants(Axis& axis, const Node& variants) {
  if (!variants.is_mapping() || variants.keys.empty())
    throw InputError(variants.where, "variants: expected a mapping from name to changes");
  for (std::size_t i = 0; i < variants.keys.size(); ++i) {
    const Node& changes = variants.items[i];
    if (!changes.is_mapping() && !changes.is_null())
      throw InputError(changes.where, "expected a mapping of changes, found " + changes.describe());
    axis.values.push_back({variants.keys[i], variants.key_where[i], {}, changes});
  }
}

void fill_key(Axis& axis, const std::string& key, const Node& node) {
  for (const auto& value : values_of(node))
    axis.values.push_back({label_of(value), value.where, {{key, value}}, {}});
}

/// A numeric axis whose values grow by factors rather than by steps is drawn on a log scale.
void find_numbers(Axis& axis) {
  for (const auto& value : axis.values) {
    Node scalar = Node::scalar(value.label);
    const auto number = formula_value(scalar);
    if (value.keys.empty() || !std::holds_alternative<double>(number)) return;
    axis.numbers.push_back(std::get<double>(number));
  }
  axis.numeric = true;
  const auto& n = axis.numbers;
  if (n.size() < 3 || !std::ranges::is_sorted(n) || n.front() <= 0) return;
  axis.logarithmic = n.back() / n.front() >= 8 && n.back() / n[n.size() - 2] >= 1.4;
}

void check_labels(const Axis& axis) {
  std::set<std::string> seen;
  for (const auto& value : axis.values)
    if (!seen.insert(value.label).second)
      throw InputError(value.where,
                       fmt::format("axis '{}' has the value '{}' twice", axis.name, value.label));
}

}  // namespace

Axis read_axis(const std::string& name, const Location& name_where, const Node& node) {
  Axis axis;
  axis.name = name;
  axis.where = name_where;
  const bool mapping = node.is_mapping();
  if (mapping && node.find("zip") != nullptr) {
    check_keys(node, {"zip"});
    fill_zip(axis, *node.find("zip"));
  } else if (mapping && node.find("variants") != nullptr) {
    check_keys(node, {"variants"});
    fill_variants(axis, *node.find("variants"));
  } else if (mapping && node.find("values") != nullptr) {
    check_keys(node, {"key", "values"});
    const Node* key = node.find("key");
    fill_key(axis, key != nullptr ? read_text(*key) : name, *node.find("values"));
  } else {
    const Node* key = mapping ? node.find("key") : nullptr;
    fill_key(axis, key != nullptr ? read_text(*key) : name, node);
  }
  check_labels(axis);
  find_numbers(axis);
  return axis;
}

}  // namespace moesim
