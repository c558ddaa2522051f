// Jobs in processes of their own, as many at a time as asked for: one process is one simulation,
// and one that crashes takes nobody with it. A job is a function that runs in the child and returns
// bytes. Children die with their parent.
#pragma once

#include <functional>
#include <string>

namespace moesim {

struct ProcessOutcome {
  enum class End {
    kBytes,    ///< the job returned; `text` is what
    kRefused,  ///< it threw InputError
    kFailed,   ///< it threw something else
    kDied      ///< its process ended without a word: killed, out of memory
  };
  End end = End::kDied;
  std::string text;  ///< bytes, or what was wrong
  double wall_s = 0;
};

unsigned default_jobs();

/// Runs jobs 0 .. count-1 in this order, `jobs` at a time (0: all cores). `done` is called here, in
/// the order in which they end, after a successor has been started; `before`, here, before a job's
/// process starts: what it leaves in memory, the process has. Throws SimulationError when no
/// process can be started; an exception out of `done` ends the running children.
void run_processes(std::size_t count, unsigned jobs,
                   const std::function<std::string(std::size_t job)>& job,
                   const std::function<void(std::size_t job, ProcessOutcome outcome)>& done,
                   const std::function<void(std::size_t job)>& before = {});

}  // namespace moesim
