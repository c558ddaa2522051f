#include "sim/report/compare.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <map>

#include "sim/report/text.hpp"
#include "sim/report/text_table.hpp"

namespace moesim {
namespace {

/// Keys of `a` in order; a key that only `b` has stands behind the one it follows there.
template <class Value>
std::vector<std::string> merged_keys(const std::vector<std::pair<std::string, Value>>& a,
                                     const std::vector<std::pair<std::string, Value>>& b) {
  std::map<std::string, std::vector<std::string>> only_b_after;
  std::map<std::string, bool> in_a;
  for (const auto& [key, value] : a) in_a[key] = true;
  std::string last;
  for (const auto& [key, value] : b) {
    if (in_a.contains(key))
      last = key;
    else
      only_b_after[last].push_back(key);
  }
  std::vector<std::string> keys = only_b_after[""];
  for (const auto& [key, value] : a) {
    keys.push_back(key);
    const auto& extra = only_b_after[key];
    keys.insert(keys.end(), extra.begin(), extra.end());
  }
  return keys;
}

template <class Value>
std::map<std::string, Value> as_map(const std::vector<std::pair<std::string, Value>>& list) {
  return {list.begin(), list.end()};
}

template <class Value>
std::optional<Value> find(const std::map<std::string, Value>& map, const std::string& key) {
  const auto found = map.find(key);
  if (found == map.end()) return std::nullopt;
  return found->second;
}

std::string figure(const std::optional<double>& value) {
  return value ? fmt::format("{:.6g}", *value) : "absent";
}

std::string change(const FigureRow& row) {
  const auto difference = row.difference();
  if (!difference) return "";
  if (*difference == 0) return "=";
  const auto fraction = row.fraction();
  if (!fraction) return "from 0";
  const double percent = *fraction * 100;
  if (std::abs(percent) < 0.005) return percent < 0 ? ">-0.01 %" : "<+0.01 %";
  return fmt::format("{:+.2f} %", percent);
}

}  // namespace

std::optional<double> FigureRow::difference() const {
  if (!a || !b) return std::nullopt;
  return *b - *a;
}

std::optional<double> FigureRow::fraction() const {
  if (!a || !b || *a == 0) return std::nullopt;
  return (*b - *a) / std::abs(*a);
}

Comparison compare(const SavedResult& a, const SavedResult& b) {
  Comparison result{a.path, b.path, {}, {}};
  const auto inputs_a = as_map(a.inputs);
  const auto inputs_b = as_map(b.inputs);
  for (const auto& key : merged_keys(a.inputs, b.inputs)) {
    InputDifference row{key, find(inputs_a, key), find(inputs_b, key)};
    if (row.a != row.b) result.inputs.push_back(std::move(row));
  }
  const auto figures_a = as_map(a.figures);
  const auto figures_b = as_map(b.figures);
  for (const auto& key : merged_keys(a.figures, b.figures))
    result.figures.push_back({key, find(figures_a, key), find(figures_b, key)});
  return result;
}

std::string comparison_table(const Comparison& comparison) {
  std::string out =
      fmt::format("A: {}\nB: {}\n\n", one_line(comparison.path_a), one_line(comparison.path_b));
  if (comparison.inputs.empty()) {
    out += "Same scenario, seed and version.\n";
  } else {
    out += "What was run differently (A -> B)\n";
    for (const auto& row : comparison.inputs)
      out += fmt::format("  {}: {} -> {}\n", one_line(row.key), one_line(row.a.value_or("absent")),
                         one_line(row.b.value_or("absent")));
  }
  TextTable table({{"figure", TextTable::kLeft}, {"A"}, {"B"}, {"B - A"}, {"change"}});
  for (const auto& row : comparison.figures) {
    const auto difference = row.difference();
    table.add({one_line(row.key), figure(row.a), figure(row.b),
               !difference        ? ""
               : *difference == 0 ? "0"
                                  : fmt::format("{:+.6g}", *difference),
               change(row)});
  }
  return out + "\n" + table.text();
}

}  // namespace moesim
