// One step of a collective under a transport: its bytes on every link, its latency, its time when
// it has the fabric to itself, and how long each of its flows takes. Flows are between GPUs; what
// stays inside a node goes through the island, the rest through NICs and fabric. Completion =
// latency of the slowest path + max over links of wire bytes / (capacity x goodput); The latency of
// a path is what the wire says plus the node's start-up time per message.
#pragma once

#include <optional>

#include "sim/transport/collective.hpp"
#include "sim/transport/max_min.hpp"
#include "sim/transport/wire.hpp"

namespace moesim {

/// Flows of a step sorted by where they go; wire bytes.
struct SplitFlows {
  std::vector<Flow> inside;     ///< between GPUs of a node
  std::vector<Flow> outside;    ///< between endpoints of the fabric
  std::vector<int> outside_of;  ///< [outside] index of the flow in the step
  std::vector<int> inside_of;
};
SplitFlows split_flows(const Network& network, const Wire& wire, std::span<const Flow> flows);

/// Adds the bytes of a step to the links.
void load_step(const Network& network, const Transport& transport, const SplitFlows& flows,
               LinkLoads& loads);

/// Start-up and propagation of the slowest path among the flows, `start_ups` messages in a row.
Seconds step_latency(const Network& network, const Wire& wire, const SplitFlows& flows,
                     std::int64_t start_ups);
/// Latency of one flow between endpoints of the fabric.
Seconds fabric_latency(const Network& network, const Wire& wire, int source, int target);

/// Pieces of all flows with their links, numbered as in network.links(); chosen beside `under_way`.
Routes route_step(const Network& network, const Transport& transport, const SplitFlows& flows,
                  const LinkLoads* under_way = nullptr);
/// More flows than this, or pieces of flows, are not simulated one by one: SimGrid's time grows
/// with their square, and 16,256 of unequal size took 148 s. Throws InputError that says what to
/// do.
void check_simulated_flows(std::size_t flows);
/// The same for transports that spray: one piece per flow with its share of every link.
Routes spread_step(const Network& network, PathWeight weight, const SplitFlows& flows);

/// The network's links with what a transport reaches of them: NIC links at the goodput of 1:1,
/// links between switches at that of the fabric's oversubscription, the island's as they are.
std::vector<Link> reached_links(const Network& network, double nic_goodput, double core_goodput);
std::vector<Link> reached_links(const Network& network, const Transport& transport);

/// Links to which a step can offer more than they carry while all its senders are busy: those that
/// need longer for their bytes than the sender that is done first [links]. Queues build up only
/// there, so the goodput factor of an oversubscribed fabric holds only there.
std::vector<char> overcommitted(const Network& network, const LinkLoads& loads);
/// What a step with these bytes reaches of the links.
std::vector<Link> reached_links(const Network& network, const Transport& transport,
                                const LinkLoads& loads);
/// Gives the other links of the fabric the goodput of 1:1.
void reach_fully(const Network& network, double nic_goodput, const std::vector<char>& overcommitted,
                 std::vector<Link>& links);

/// Time of every flow of the step by max-min sharing of `links`, latency included [flows].
std::vector<double> flow_times(const Network& network, const std::vector<Link>& links,
                               const Wire& wire, const Routes& routes, const SplitFlows& flows,
                               double merge);

}  // namespace moesim
