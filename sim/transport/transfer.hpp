// One collective or message as the executor sees it: a start-up time, the bytes it puts on every
// link, and the bytes it was asked to move.
#pragma once

#include "sim/platform/network.hpp"

namespace moesim {

struct Transfer {
  explicit Transfer(const Network& network) : loads(network.loads()) {}

  Seconds latency{0};
  double payload_bytes = 0;  ///< bytes that leave a GPU, summed over GPUs
  LinkLoads loads;

  void clear() {
    latency = Seconds(0);
    payload_bytes = 0;
    loads.clear();
  }
  /// Time with the links to itself: start-up plus the busiest link.
  Seconds alone(const Network& network) const {
    return latency + link_bound(loads, network.links());
  }
};

}  // namespace moesim
