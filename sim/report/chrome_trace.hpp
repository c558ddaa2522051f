// A run as Chrome Trace Event JSON ("Trace Event Format", Google, 2016), which ui.perfetto.dev and
// chrome://tracing open: the engine steps of every group, counters (running, waiting, KV memory),
// one track per serial resource with its phases (inside the timeline window), and the life of every
// request. Microseconds with nanosecond digits, events in order of time, slices of a track disjoint
// or nested.
#pragma once

#include <string>

#include "sim/metrics/result.hpp"

namespace moesim {

struct TraceOptions {
  bool requests = true;  ///< one asynchronous span per request; switch off for a hundred thousand
};

/// Throws SimulationError when two slices of a serial resource overlap.
std::string chrome_trace(const Result& result, const TraceOptions& options = {});

}  // namespace moesim
