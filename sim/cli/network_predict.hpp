// What the fabric model says about one packet-level run.
#pragma once

#include <optional>

#include "sim/cli/network_runs.hpp"

namespace moesim {

/// Goodput of a load-sharing scheme of the reference runs at an oversubscription; 1 for schemes
/// without a factor. Medians of (fluid time / packet time) of permutations of at least 1 MiB on the
/// fabrics of up to 32 hosts (network/runs.csv, csg-htsim 841d9e7 and uet-htsim 40ccb05).
double packet_goodput(const std::string& scheme, double oversubscription);

/// Completion when `transport` chooses the paths: of the last flow under max-min sharing, and not
/// before the last turn (turns.hpp). `factors`: with the goodput factors of the run's scheme, on
/// links between switches that the traffic overcommits (step_time.hpp); else the fluid rate.
Seconds predict_transport(const Network& network, const NetworkRun& run,
                          std::span<const Flow> flows, const char* transport, bool factors);
/// max over links of bytes / capacity + latency, whatever the shares of single flows.
Seconds predict_bound(const Network& network, const NetworkRun& run, std::span<const Flow> flows,
                      const char* transport, bool factors);
/// Completion of the recorded assignment, flow by flow.
Seconds predict_replay(const Network& network, const NetworkRun& run, bool factors);
/// Completion under random hashed assignments, one per seed.
std::vector<double> predict_hashed(const Network& network, const NetworkRun& run,
                                   std::span<const Flow> flows, bool factors, int seeds);

}  // namespace moesim
