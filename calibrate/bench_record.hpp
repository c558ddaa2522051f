// run.json, the header of a folder of measurements: which device, which suite, which operations are
// complete, and how steady the device was. The tables beside it hold the measurements. Schema
// "moesim-bench/1".
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "calibrate/bench_noise.hpp"

namespace moesim {

/// One operation of the suite in this folder.
struct BenchEntry {
  std::string name, file;
  /// "complete", "failed", "timed out", "not run", or "absent": its program is not built.
  std::string status;
  std::string error;    ///< of a failed one
  std::string started;  ///< UTC
  double seconds = 0;   ///< wall time of its program
  std::int64_t rows = 0;

  bool complete() const { return status == "complete"; }
};

struct BenchRecord {
  std::string kind;      ///< "cpu" or "cuda"
  std::string selected;  ///< as on the command line, e.g. "cuda:0"
  std::string name;      ///< of the device, as its driver says it
  /// As device_probe writes them: a version 13.0 is no number.
  using Properties = std::vector<std::pair<std::string, std::string>>;
  Properties before, after;  ///< what it found first and last: clocks, power, throttling

  std::string version;   ///< of moesim
  std::string date_utc;  ///< of the first run
  std::uint64_t seed = 1;
  bool short_mode = false;
  std::string host_cpu;
  double total_s = 0;  ///< wall time of all runs
  std::vector<BenchEntry> operations;
  BenchNoise noise;

  /// nullptr when this folder knows nothing of the operation.
  BenchEntry* find(const std::string& operation);
};

std::string bench_record_json(const BenchRecord& record);
/// Throws InputError "FILE: ..." for text that bench_record_json did not write.
BenchRecord parse_bench_record(const std::string& json, const std::string& file);

}  // namespace moesim
