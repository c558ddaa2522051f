// One collective or message as the executor sees it: a start-up time, the bytes it puts on every
// link, and the bytes it was asked to move; where a measured curve knows how long it takes with the
// links to itself, that time.
#pragma once

#include <optional>

#include "sim/platform/network.hpp"

namespace moesim {

struct Transfer {
  explicit Transfer(const Network& network) : loads(network.loads()) {}

  Seconds latency{0};
  double payload_bytes = 0;  ///< bytes that leave a GPU, summed over GPUs
  LinkLoads loads;
  std::optional<Seconds> measured;  ///< from a curve; instead of start-up and busiest link
  bool trusted = false;             ///< the curve was measured at this size

  void clear() {
    measured.reset();
    trusted = false;
    latency = Seconds(0);
    payload_bytes = 0;
    loads.clear();
  }
  /// Time with the links to itself: as measured, else start-up plus the busiest link.
  Seconds alone(const Network& network) const {
    return measured ? *measured : latency + link_bound(loads, network.links());
  }
};

}  // namespace moesim
