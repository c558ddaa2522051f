// How wrong a fit is on rows it has not seen, by splits that are the same every time:
// - unseen token count: every other token count of the table is left out of form and grid;
// - unseen shape: a fifth of the model shapes is left out, five times, until each was;
// - unseen length (attention): every other length; unseen (n, k) (GEMM): 3 of 10 pairs.
// Errors are (predicted - measured) / measured.
#pragma once

#include "calibrate/fit.hpp"

namespace moesim {

struct HeldOutPoint {
  double error = 0;  ///< of the residual tier unless the split says otherwise
  double form_error = 0;
  std::string regime;
};

struct SplitErrors {
  std::string split;
  std::vector<HeldOutPoint> points;
};

std::vector<SplitErrors> hold_out(std::span<const GemmSample> samples, const Device& device);
std::vector<SplitErrors> hold_out(std::span<const ExpertsSample> samples, const Device& device);
std::vector<SplitErrors> hold_out(std::span<const AttentionSample> samples, const Device& device);

std::vector<SplitErrors> hold_out(std::span<const ElementwiseSample> samples, const Device& device);

/// "decode balanced", "prefill skewed", ...: at most 512 tokens enter the layer, or more.
std::string regime_of(const ExpertsSample& sample);

/// Summaries by regime and tier; all regimes together first.
std::vector<HoldOut> summarise(const SplitErrors& errors);

}  // namespace moesim
