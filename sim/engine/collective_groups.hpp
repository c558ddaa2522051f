// A collective of a study with its GPUs: the flows of its steps between GPUs, as they go over the
// wire.
#pragma once

#include "sim/engine/collective_scenario.hpp"
#include "sim/transport/step_time.hpp"

namespace moesim {

struct PreparedCollective {
  std::string name;
  std::int64_t ranks = 0;
  Seconds start{0};
  std::vector<CollectiveStep> steps;  ///< flows between GPUs
  std::vector<SplitFlows> split;      ///< [steps]
};

/// Throws InputError at the collective's place for what it cannot do with these ranks.
PreparedCollective prepare_collective(const CollectiveEntry& entry, const Network& network,
                                      const Wire& wire, std::uint64_t seed);

}  // namespace moesim
