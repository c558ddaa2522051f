// The fabric of a run over time: an epoch begins when a link fails, slows down or comes
// back, and has a network and a transport of its own, which knows what is left. Also what becomes
// of the traffic that a change finds under way: no byte is lost and none is sent twice, what has
// not arrived is routed again by the next epoch's transport. Not modelled: the time that a real
// network takes to notice.
#pragma once

#include <memory>

#include "sim/engine/collective_groups.hpp"
#include "sim/engine/simulation.hpp"

namespace moesim {

struct Epoch {
  Seconds from{0};
  Seconds until{0};  ///< infinity: the last
  std::unique_ptr<Network> network;
  std::unique_ptr<Transport> transport;
};

/// In order of time. Throws InputError when a condition of cluster.links leaves no path.
std::vector<Epoch> epochs_of(const ClusterConfig& cluster, const Choice<Transport>& transport,
                             std::uint64_t seed);
/// The last epoch that has begun.
std::size_t epoch_at(std::span<const Epoch> epochs, Seconds now);

/// The links of a network as SimGrid has them. A failed one keeps a capacity: nothing is routed
/// over it, and SimGrid wants one.
std::vector<SharedLink> simulated_links(const std::vector<Link>& links);

/// The same while these collectives run. Alone, a collective reaches the links that none of its
/// steps overcommits fully.
std::vector<SharedLink> shared_links(const Epoch& epoch,
                                     std::span<const PreparedCollective> collectives);

/// Flows with these bytes left [flows of the step].
SplitFlows what_is_left(const SplitFlows& flows, std::span<const double> rest_bytes);

/// What an undisturbed step has left of each flow after `elapsed`: a flow ends with its busiest
/// link, and moves evenly until then [flows of the step].
std::vector<double> rest_after(const SplitFlows& flows, std::size_t count, const LinkLoads& loads,
                               const std::vector<Link>& links, const Routes& routes,
                               Seconds elapsed);

/// What the change from one epoch to the next did to traffic under way: a line for every condition.
/// `rest_bytes` [pieces] is what had not arrived.
std::vector<std::string> change_report(std::span<const LinkCondition> conditions,
                                       const std::string& name, const Epoch& before,
                                       const Epoch& after, const Routes& routes,
                                       std::span<const double> rest_bytes);

}  // namespace moesim
