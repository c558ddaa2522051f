// Runs a scenario of kind `collective`. For every transport and every collective: when it is done,
// how far that is from even spraying, what every link carries, and how long single flows take.
// Fidelity `analytic`: each collective is alone on the fabric; completion of a step = latency of
// its slowest path + max over links of wire bytes / (capacity x goodput); steps add up. The others
// take completion and flow times from a simulation, which the caller runs in a process of its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/engine/collective_scenario.hpp"
#include "sim/engine/collective_simulation.hpp"

namespace moesim {

/// Over the samples of a transport.
struct Spread {
  double mean = 0, min = 0, max = 0;
};

/// One collective under one transport.
struct CollectiveOutcome {
  std::string transport, collective;
  std::int64_t ranks = 0, steps = 0;
  std::int64_t flows = 0;   ///< over all steps
  std::int64_t pieces = 0;  ///< after the transport has cut them; 0: not listed (sprayed)
  double bytes = 0;         ///< over all flows and steps, without headers
  Spread completion_s;
  double bound_s = 0;               ///< even spraying over all paths, at full goodput
  Spread link_seconds;              ///< max over links of bytes / capacity, over all steps
  std::string busiest_link;         ///< of the first sample
  std::vector<std::string> events;  ///< of the first sample: links that changed, traffic that moved
  std::vector<double> link_bytes;   ///< [links] of the first sample
  std::vector<double> flow_time_s;  ///< [flows] of the first sample's first step
};

struct StudyResult {
  std::string title, question;
  Node scenario;  ///< resolved
  std::int64_t gpus = 0, switches = 0;
  double oversubscription = 1;
  std::vector<std::string> link_names;
  std::vector<double> link_capacity;        ///< [links] bytes/s
  std::vector<CollectiveOutcome> outcomes;  ///< transport by transport
};

using Simulate = std::function<SimulatedStudy(const CollectiveScenario&, const Choice<Transport>&,
                                              std::int64_t sample)>;
StudyResult run_study(const CollectiveScenario& scenario, const Simulate& simulate);

}  // namespace moesim
