// The figures that people compare runs by: one list behind the table of variants, the tiles of the
// HTML report and the comparison bars, so that they agree on names, units, order and on which
// direction is better.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/metrics/result.hpp"

namespace moesim {

struct Headline {
  enum class Unit { kSeconds, kTokensPerSecond, kRequestsPerSecond, kFraction, kCount, kRatio };
  enum class Better { kHigher, kLower, kNeither };

  std::string name;
  Unit unit = Unit::kCount;
  Better better = Better::kNeither;
  bool main = false;  ///< shown as a tile and as comparison bars
  /// Empty when the figure does not apply to the run.
  std::function<std::optional<double>(const Result&)> value;
};

const std::vector<Headline>& headlines();

/// "1.23 ms", "12,346 tok/s", "12.3 %", ...
std::string headline_text(const Headline& headline, double value);

/// Indices of the best values; none when nothing is better, when fewer than two runs have the
/// figure, or when all agree.
std::vector<std::size_t> best_of(const Headline& headline,
                                 const std::vector<std::optional<double>>& values);

}  // namespace moesim
