// Which ranks of a deployment hold which experts behind which links: the part of ExpertOffload that
// knows the cluster. GPUs behind one switch share the link to the nearest tier; all GPUs of a node
// share its tiers. Inside a group copies meet on a link of any tier; groups meet on those of the
// nearest one. Contract: a link appears only where its GPUs could ask more of it than it carries.
#pragma once

#include <vector>

#include "sim/engine/expert_offload.hpp"
#include "sim/engine/parallel.hpp"
#include "sim/engine/simulation.hpp"
#include "sim/platform/network.hpp"

namespace moesim {

/// One entry per lockstep group; appends to `links` those that several groups load, after the
/// network's when there are none yet.
std::vector<OffloadGroup> offload_groups(const ExpertMemoryConfig& config, const Layout& layout,
                                         const Network& network, const MoeLayers& moe,
                                         std::vector<SharedLink>& links);

}  // namespace moesim
