// The pools of a measured disaggregated point as the section `disaggregation` of a scenario, or the
// reason why they cannot be one. Numbers of workers and widths are taken as recorded, never
// guessed.
#pragma once

#include <string>

#include "sim/cli/serving_measurements.hpp"

namespace moesim {

struct MeasuredPools {
  std::string left_out;  ///< why; empty: they can be simulated
  std::string section;   ///< YAML, one line
  std::int64_t nodes = 0;
  /// Requests that all decode ranks hold together, as recorded; 0: not recorded.
  std::int64_t decoding = 0;
};

/// `seats`: requests that a decode rank may run.
MeasuredPools measured_pools(const ServingMeasurement& point, bool moe, std::int64_t node_gpus,
                             std::int64_t seats);

}  // namespace moesim
