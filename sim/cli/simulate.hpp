// Runs designs, each in a process of its own (one process is one simulation), as many at a time as
// there are cores.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/cli/design.hpp"
#include "sim/cli/process_pool.hpp"
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

/// As simulate_each, with the bytes that `job` returns in a design's process in place of a result.
void serve_each(const std::vector<Design>& designs, unsigned jobs,
                const std::function<std::string(std::size_t design, Serving& serving)>& job,
                const std::function<void(std::size_t design, ProcessOutcome outcome)>& done);

/// For processes that run scenarios one after the other: what comes a second time is made here, and
/// every process started afterwards has it: the choices of a model's tokens under one routing
/// (sim/engine/sampled_layers.hpp), the profiles of a node's device (sim/core/parsed_files.hpp).
/// Refuses nothing: what is wrong with the scenario, its run says.
void share_inputs(const Node& document);

}  // namespace moesim
