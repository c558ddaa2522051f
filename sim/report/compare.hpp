// Two saved results beside each other: first what was run differently, then every figure with its
// difference. Judges nothing: which direction is better depends on the question.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/report/saved_result.hpp"

namespace moesim {

struct InputDifference {
  std::string key;
  std::optional<std::string> a, b;  ///< JSON text; empty: absent on that side
};

struct FigureRow {
  std::string key;
  std::optional<double> a, b;  ///< empty: absent on that side

  std::optional<double> difference() const;  ///< b - a
  std::optional<double> fraction() const;    ///< (b - a) / |a|; empty when a is 0
};

struct Comparison {
  std::string path_a, path_b;
  std::vector<InputDifference> inputs;  ///< those that differ
  std::vector<FigureRow> figures;       ///< every numeric key present in either, in the order of A
};

Comparison compare(const SavedResult& a, const SavedResult& b);

/// A fixed-width table for a terminal.
std::string comparison_table(const Comparison& comparison);

}  // namespace moesim
