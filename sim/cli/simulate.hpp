// Runs designs, each in a process of its own (one process is one simulation), as many at a time as there are cores.
#pragma once

#include <vector>

#include "sim/cli/design.hpp"
#include "sim/metrics/result.hpp"

namespace moesim {

struct SimulateOptions {
  bool progress = false;  ///< a line on stderr
  unsigned jobs = 0;      ///< 0: all cores
};

/// Results in the order of the designs. A single design runs in this process. Every design is built, and so checked,
/// before the first one runs. Throws InputError or SimulationError of the first design that fails.
std::vector<Result> simulate(const std::vector<Design>& designs, const SimulateOptions& options);

}  // namespace moesim
