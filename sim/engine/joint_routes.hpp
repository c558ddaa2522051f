// Paths of collectives that run at the same time: transports that look at the flows they are given
// (planned paths, least-loaded) must be given those of all, or each collective takes the same best
// paths. Not modelled: a planner that sees collectives come and go, or which of their steps the
// others are in.
#pragma once

#include <span>

#include "sim/transport/step_time.hpp"

namespace moesim {

/// route_step() of the flows all[mine], routed together with those of the others [collectives].
Routes route_together(const Network& network, const Transport& transport,
                      std::span<const SplitFlows* const> all, std::size_t mine);
/// Routes of `whole` with only the bytes that are left of every flow.
Routes rest_of(Routes routes, const SplitFlows& whole, const SplitFlows& left);

}  // namespace moesim
