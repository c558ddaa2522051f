// From recorded choices to the accesses of an engine that computes one token at a time.
#pragma once

#include "sim/cache/accesses.hpp"
#include "sim/routing/recorded_trace.hpp"

namespace moesim {

/// Sequence after sequence, token after token.
Accesses accesses_of(const RecordedTrace& trace);

}  // namespace moesim
