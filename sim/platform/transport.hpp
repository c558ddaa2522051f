// Slot: which paths the flows of a collective take through the fabric.
// Life cycle: one per network; route() and load() are called for sets of flows that start together.
// Contract: route() puts every byte of every flow on shortest paths; load() adds the same bytes to
// the links without listing paths; the same flows and seed give the same paths (and the same
// traffic under way, where a transport looks at it). The goodput factor stands for what a fluid
// model does not see (headers of trimmed packets, pull pacing, reordering): measured time = fluid
// time / goodput. Implementations are in transport/transports/.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/registry.hpp"
#include "sim/platform/path_sets.hpp"

namespace moesim {

/// Flows in pieces, each on one path.
struct Routes {
  struct Piece {
    int flow = 0;
    double bytes = 0;
    std::size_t first_link = 0, links = 0;
  };
  std::vector<Piece> pieces;
  std::vector<int> links;
  std::vector<double> shares;  ///< of a piece's rate on each of `links`; empty: all of it

  std::span<const int> path(const Piece& piece) const {
    return {links.data() + piece.first_link, piece.links};
  }
  /// Adds a piece on path `index` of its flow's endpoints.
  void add(const PathSets& paths, int flow, const Flow& ends, double bytes, std::int64_t index);
  void load(LinkLoads& loads) const;
};

class Transport {
 public:
  static constexpr SlotInfo slot{"transport", "which paths flows take through the fabric"};
  struct Context {
    const PathSets& paths;
    std::uint64_t seed = 1;
  };

  virtual ~Transport() = default;
  virtual void route(std::span<const Flow> flows, Routes& into) const = 0;
  /// The same while these bytes of other flows are under way, for those that look at them.
  virtual void route_beside(std::span<const Flow> flows, const LinkLoads& under_way,
                            Routes& into) const {
    (void)under_way;
    route(flows, into);
  }
  virtual void load(std::span<const Flow> flows, LinkLoads& loads) const {
    Routes routes;
    route(flows, routes);
    routes.load(loads);
  }
  /// How load() may be had for product traffic without flows; nothing: it cannot.
  virtual const PathWeight* even_spread() const { return nullptr; }
  /// Share of the fluid rate that is reached on links between switches of a fabric of this
  /// oversubscription, and at 1 on the links of NICs.
  virtual double goodput(double oversubscription) const {
    (void)oversubscription;
    return 1;
  }
};

}  // namespace moesim
