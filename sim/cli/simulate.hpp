// Runs designs, each in a process of its own (one process is one simulation), as many at a time as
// there are cores.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/cli/design.hpp"
#include "sim/metrics/result.hpp"
#include "sim/serving/serving.hpp"

namespace moesim {

struct SimulateOptions {
  bool progress = false;  ///< a line on stderr
  unsigned jobs = 0;      ///< 0: all cores
};

/// Runs it here, once per process, and says what was found; `progress`: a line on stderr.
Result run_design(Serving& serving, bool progress);

/// Results in the order of the designs. A single design runs in this process. Every design is
/// built, and so checked, before the first one runs. Throws InputError or SimulationError of the
/// first design that fails.
std::vector<Result> simulate(const std::vector<Design>& designs, const SimulateOptions& options);

/// What became of one design of many.
struct Outcome {
  std::optional<Result> result;
  std::string error;     ///< when there is no result
  bool refused = false;  ///< the error was found before the run: InputError
};

/// Every design in a process of its own, `jobs` at a time (0: all cores), whatever becomes of the
/// others. `done` is called here, in the order in which they end; nothing is kept.
void simulate_each(const std::vector<Design>& designs, unsigned jobs,
                   const std::function<void(std::size_t design, Outcome outcome)>& done);

/// For processes that run scenarios one after the other: a model and routing that come a second
/// time have their tokens' choices sampled here (sim/engine/sampled_layers.hpp), and every process
/// started afterwards has them. Refuses nothing: what is wrong with the scenario, its run says.
void share_samples(const Node& document);

}  // namespace moesim
