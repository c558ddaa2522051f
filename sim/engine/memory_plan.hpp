// What a GPU's memory holds: weights, a reserve, and what is left for keys and values. A model that
// does not fit is refused here, before the run, with the arithmetic.
#pragma once

#include <optional>

#include "models/architecture/architecture.hpp"
#include "models/architecture/precision.hpp"
#include "models/device/device.hpp"
#include "sim/engine/parallel.hpp"

namespace moesim {

struct MemoryConfig {
  double utilization = 0.9;
  std::optional<double> free_share;
  Bytes reserve{3758096384.0};
  static const Parameters<MemoryConfig>& parameters();
};

struct MemoryPlan {
  Bytes weights;      ///< of the most loaded GPU
  Bytes kv_capacity;  ///< left for keys and values on the stage that binds
  Bytes kv_full_per_token,
      kv_window_per_token;  ///< on that GPU: layers with full attention, and with a window
  std::int64_t window = 0;  ///< largest window of its layers
};

/// `slots_per_rank`: routed experts that one expert-parallel rank holds. Throws InputError at
/// `where`.
MemoryPlan plan_memory(const Architecture& model, const Precision& precision, const Layout& layout,
                       const Device& device, std::int64_t slots_per_rank,
                       const MemoryConfig& config, const Location& where);

}  // namespace moesim
