// Does imbalance alone explain the skewed rows of a table? A cost model fitted to the balanced rows
// of one kernel in one number format predicts every skewed row of the same layers, as the mean over
// the counts that the measuring program draws (power_law_draws.hpp). No skewed row enters anything;
// the other bound is the balanced time itself, which knows nothing of imbalance.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "calibrate/samples.hpp"

namespace moesim {

struct ImbalancePoint {
  std::string regime;         ///< "decode skewed", "prefill skewed"
  double error = 0;           ///< predicted / measured - 1
  double balanced_error = 0;  ///< balanced time of the same layer and tokens / measured - 1
  double draw_error =
      0;  ///< predicted for five draws, as a row is the mean of, / for the others - 1
};

/// `samples`: rows of one kernel and format, balanced and power-law ones. Empty when too few are
/// balanced for a fit. Rows without a balanced row of the same layer and tokens are passed over.
std::vector<ImbalancePoint> check_imbalance(std::span<const ExpertsSample> samples,
                                            const Device& device);

}  // namespace moesim
