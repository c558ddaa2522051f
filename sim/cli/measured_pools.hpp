// The pools of a measured disaggregated point as the section `disaggregation` of a scenario, or the
// reason why they cannot be one. Numbers of workers and widths are taken as recorded or as
// published (published_launches.hpp), never guessed.
#pragma once

#include <string>

#include "sim/cli/published_launches.hpp"

namespace moesim {

/// Attention on tensor x data GPUs, experts on expert x moe_tensor of them.
struct MeasuredWidths {
  std::int64_t tensor = 1, data = 1, expert = 1, moe_tensor = 1;
};
/// The values of a section `parallel`, in {}.
std::string parallel_text(const MeasuredWidths& widths);
/// Data ranks share experts, so that tokens travel.
bool exchanges(const MeasuredWidths& widths);

struct MeasuredPools {
  std::string left_out;    ///< why; empty: they can be simulated
  std::string section;     ///< YAML, one line
  bool exchanges = false;  ///< in either pool, of which a scenario has one `network`
  std::int64_t nodes = 0;
};

/// The values of `engine` of the two pools, as inside of {}.
struct PoolEngines {
  std::string prefill, decode;
  bool overlap = true;  ///< of decode steps and transfers
};

/// As recorded. The concurrency is that of all decode ranks together, or the row is left out.
MeasuredPools recorded_pools(const ServingMeasurement& point, bool moe, std::int64_t node_gpus,
                             std::int64_t concurrency, const PoolEngines& engines);

/// As published.
MeasuredPools published_pools(const PublishedLaunch& launch, std::int64_t node_gpus,
                              const PoolEngines& engines);

}  // namespace moesim
