// What the wire adds to a message: a header per packet, the store-and-forward delay of one packet
// at every switch, and the way of the last acknowledgement back. Without an MTU a message is a
// fluid: its own bytes and the propagation of its path. Closed form of an unloaded flow over n
// equal links: (n - 1) (mtu + header) / C + n latency, and as much latency plus n headers for the
// acknowledgement, which packet-level runs reproduce to the last digit (`validate network`).
#pragma once

#include <span>

#include "sim/core/parameters.hpp"
#include "sim/platform/link.hpp"

namespace moesim {

struct Wire {
  Bytes mtu{0};
  Bytes header{0};
  bool acknowledged = false;
  bool turns = false;  ///< turns.hpp
  static const Parameters<Wire>& parameters();
  void check(const Node& at) const;

  /// Message plus headers.
  double bytes(double message) const;
  /// Time to the last byte beyond (bytes / bottleneck), over these links.
  Seconds latency(std::span<const int> path, const std::vector<Link>& links) const;
};

}  // namespace moesim
