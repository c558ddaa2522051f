// `moesim calibrate bench`: runs the microbenchmark suite on one device and leaves its tables in a
// folder of at most eight files (run.json and one table per group of operations). Programs run one
// after another, in an order shuffled by the seed; a few points are repeated at the start, in the
// middle and at the end, to know the noise. Clocks and power limits are recorded, never changed.
//
// An operation counts only when its program succeeded and its table was checked; then its rows and
// run.json are written, each file whole or not at all. So an interrupted folder is resumed by the
// same call: what is complete is not run again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "calibrate/bench_device.hpp"
#include "calibrate/bench_record.hpp"

namespace moesim {

struct BenchOptions {
  BenchDevice device;
  std::string out;  ///< folder
  std::uint64_t seed = 1;
  std::vector<std::string> only;  ///< operations; empty: all
  bool short_mode = false;        ///< few points: a check that it works, no calibration
  double operation_timeout_s = 180;
  double max_s = 480;                 ///< of this run, after which nothing runs any more
  std::function<bool()> interrupted;  ///< asked some times a second; may be empty
};

/// The device or a program failed; exit code 1.
struct BenchError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The user asked to stop; what is complete is in the folder.
struct BenchInterrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

/// Where the run is.
struct BenchStep {
  std::string what;              ///< an operation, or "anchor (middle)"
  std::size_t index = 0;         ///< operations begun in this run, this one included
  std::size_t total = 0;         ///< operations of this run
  double seconds = 0;            ///< since this step began
  std::optional<double> left_s;  ///< estimate for the rest of the run, from those that ended
};

/// Who wants to know. Calls must not throw.
class BenchObserver {
 public:
  virtual ~BenchObserver() = default;
  virtual void note(const std::string& /*line*/) {}   ///< something is not as usual
  virtual void running(const BenchStep& /*step*/) {}  ///< first at its begin, then repeatedly
  virtual void ended(const BenchStep& /*step*/, const std::string& /*result*/) {}
};

struct BenchOutcome {
  BenchRecord record;
  std::string problem;  ///< "" when every operation asked for is complete or not built
};

/// Throws InputError for a wrong option or a folder that holds something else, BenchError when the
/// device cannot be used at all, BenchInterrupted.
BenchOutcome run_bench(const BenchOptions& options, BenchObserver& observer);

}  // namespace moesim
