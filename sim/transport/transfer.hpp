// One collective or message as the executor sees it: a start-up time, the bytes it puts on every
// link, and the bytes it was asked to move; where a measured curve knows how long it takes with the
// links to itself, that time; and how many flows between two GPUs its bytes on a link stand for,
// which is what share of the link it gets beside others.
#pragma once

#include <optional>

#include "sim/platform/network.hpp"

namespace moesim {

struct Transfer {
  explicit Transfer(const Network& network) : loads(network.loads()) {}

  Seconds latency{0};
  double payload_bytes = 0;  ///< bytes that leave a GPU, summed over GPUs
  LinkLoads loads;
  std::optional<Seconds> measured;   ///< from a curve; instead of start-up and busiest link
  bool trusted = false;              ///< the curve was measured at this size
  const LinkLoads* flows = nullptr;  ///< loads if each of its flows carried one byte
  double flow_bytes = 0;             ///< in place of `flows`, where all flows are equal
  bool listed = false;               ///< its flows are wanted one by one
  FlowList list;                     ///< they, where `listed`

  FlowList* flow_list() { return listed ? &list : nullptr; }

  /// Flows on a link, of a sprayed one the part that is there; 1 where nobody has said.
  double flows_on(int link) const {
    if (flows != nullptr && flows->bytes(link) > 0) return flows->bytes(link);
    return flow_bytes > 0 ? loads.bytes(link) / flow_bytes : 1;
  }
  void clear() {
    flows = nullptr;
    flow_bytes = 0;
    measured.reset();
    trusted = false;
    latency = Seconds(0);
    payload_bytes = 0;
    loads.clear();
    list.inside.clear();
    list.outside.clear();
  }
  /// Time with the links to itself: as measured, else start-up plus the busiest link.
  Seconds alone(const Network& network) const {
    return measured ? *measured : latency + link_bound(loads, network.links());
  }
};

}  // namespace moesim
