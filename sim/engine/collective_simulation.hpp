// The collectives of a study on SimGrid's clock, all started at their own times on one fabric.
// `pairwise`: every piece of every flow is a SimGrid flow on its path; when a link fails or slows
// down, what is left of all flows is routed again over what is left of the fabric. `aggregate`: a
// collective whose links nobody else uses is one activity; on links that several use it moves its
// bytes per link, as so many flows as it has there. One process is one simulation.
#pragma once

#include <string>
#include <vector>

#include "sim/engine/collective_scenario.hpp"

namespace moesim {

struct SimulatedCollective {
  double start_s = 0, completion_s = 0;  ///< completion: from its own start
  std::vector<double> flow_time_s;       ///< [flows] of its first step; pairwise only
  std::vector<std::string> events;       ///< links that changed, and its traffic on them
};

struct SimulatedStudy {
  std::vector<SimulatedCollective> collectives;
  std::int64_t activities = 0;
};

/// `sample` is added to the seed of the transport. Throws InputError when a condition of
/// cluster.links leaves no path, SimulationError when bytes are lost.
SimulatedStudy simulate_collectives(const CollectiveScenario& scenario,
                                    const Choice<Transport>& transport, std::int64_t sample);

}  // namespace moesim
