// What a row of a published.csv can ask of a result: one number of a variant, or its ratio to the
// same number of a baseline. Names and meanings are in one table (paper_metrics.cpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/metrics/result.hpp"

namespace moesim {

struct PaperMetric {
  std::string_view name;
  std::string_view meaning;
  bool needs_baseline;
  /// `baseline` is null exactly when none is needed.
  double (*value)(const Result& variant, const Result* baseline);
};

const std::vector<PaperMetric>& paper_metrics();
std::vector<std::string> paper_metric_names();

}  // namespace moesim
