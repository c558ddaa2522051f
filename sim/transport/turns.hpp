// What a fluid does not see of senders that serve many messages at once: they take turns packet by
// packet, in the order in which the messages are listed. Where all senders have the same order (an
// all-to-all listed by target), every target gets its packets in bursts, one of every sender, and
// the target of the last turn still has the last burst to take when all senders are done: n - 2
// packets more than its bytes need, for n ranks. Orders that begin with the next rank have no such
// bursts. Packet-level runs with fair queues in the senders show it (`validate network`). Pure
// logic. Not modelled: bursts at switches, and bursts before the last.
#pragma once

#include "sim/transport/step_time.hpp"

namespace moesim {

/// Time from the start to the last packet at the slowest target, without latency: at every target,
/// max over its messages i, by the end of their last packet at the sender, of that end + one packet
/// for each message that ends later. 0 for a wire that does not take turns.
Seconds turns_bound(const Network& network, const Wire& wire, const SplitFlows& flows,
                    const std::vector<Link>& links);

}  // namespace moesim
