// What a request router sees of a data rank.
#pragma once

#include "sim/serving/request_router.hpp"
#include "sim/serving/scheduler.hpp"

namespace moesim {

/// Of `rank`, for an arriving `request`; `prompts`: with what is left of its prompts, which looks
/// at every request there.
RankLoad load_of(const RankState& rank, const Request& request, bool prompts);

}  // namespace moesim
