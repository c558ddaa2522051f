// Greedy packing of expert slots onto ranks, shared by the placements that balance load.
#pragma once

#include "sim/placement/placement.hpp"

namespace moesim {

/// Slots of a rank when `slots` are spread over `ranks`: the first ranks one more.
std::int64_t room_of_rank(std::int64_t slots, std::int64_t ranks, std::int64_t rank);

/// Experts with their replicas, in order of falling load per replica, each to the lightest rank
/// that has room (longest processing time first; a rank that holds the expert already comes last).
/// With `nodes` above 1 a slot first goes to the lightest node that has room, then to a rank of it.
LayerPlacement pack_by_load(std::span<const double> popularity, const Placement::Context& context,
                            std::int64_t nodes);

/// A placement from the experts of every rank.
LayerPlacement placement_of_ranks(const std::vector<std::vector<std::int32_t>>& experts_on_rank,
                                  std::int64_t experts);

}  // namespace moesim
