// Where the programs of kernels/ are and what a run of one gives: a table, checked before anybody
// relies on it. They lie in MOESIM_KERNELS when that is set, else in the folder `kernels` beside
// the moesim program (a build tree), else where they are installed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "calibrate/bench_device.hpp"
#include "calibrate/bench_process.hpp"
#include "calibrate/bench_suite.hpp"
#include "sim/core/csv.hpp"

namespace moesim {

/// The folder; the first that has a program of the suite for this device. Throws InputError when
/// none has.
std::string find_kernel_programs(const BenchDevice& device);

/// Path of an operation's program for the device; nothing when it is not built.
std::optional<std::string> kernel_program(const std::string& folder, const std::string& operation,
                                          const BenchDevice& device);

struct KernelRun {
  ProcessResult process;
  std::optional<CsvTable> table;  ///< when it succeeded
  std::string failure;            ///< else: what went wrong, in one line
};

/// Runs a program and reads its table: it names an `op` per row (a program may measure several),
/// and every latency_us is a positive number, empty only where the cell `flag` says why. `required`
/// columns have to be there.
KernelRun run_kernel(const ProcessSpec& spec, const std::vector<std::string>& required,
                     const std::function<bool(double)>& wanted);

}  // namespace moesim
