// Measured collectives: from CSV tables to the fits of a collective profile. Reads NCCL tables,
// TensorRT-LLM's custom all-reduce and its NVLink all-to-all, and DeepEP's low-latency and normal
// kernels (columns in import_collectives()). Every other size is kept for form and curve, and the
// last; the others are held out and state the error. Pure functions, deterministic.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "models/cost/collective_profile.hpp"
#include "models/device/device.hpp"
#include "sim/core/csv.hpp"

namespace moesim {

/// One measured call: who, what and how long.
struct CollectiveSample {
  std::string operation;
  std::string kernel;  ///< implementation inside the library; empty when the table names none
  std::string scheme;  ///< number format as the table names it; empty when it names none
  std::int64_t nodes = 1, ranks = 2, sms = 0;
  TokenShape shape;
  std::int64_t size = 0;                           ///< tokens of a rank, or bytes of the buffer
  double bytes_per_size = 1, tokens_per_size = 0;  ///< see CollectiveCurve
  double time_s = 0;
  int row = 0;

  CollectiveWork work() const {
    const auto units = static_cast<double>(size);
    return {units * bytes_per_size, units * tokens_per_size, static_cast<double>(shape.experts)};
  }
};

struct ImportedCollectives {
  std::vector<CollectiveSample> samples;
  std::map<std::string, std::int64_t> left_out;  ///< reason -> measurements
};

/// Whether the columns are those of a table that import_collectives() reads.
bool is_collective_table(const CsvTable& table);

/// The library behind a table: "NCCL", "TensorRT-LLM" or "DeepEP". Throws as import does.
std::string collective_library(const CsvTable& table);

/// DeepEP tables count nodes, not ranks: GPUs of a node of this device. GB200 has four to a compute
/// tray (https://docs.nvidia.com/dgx/dgxgb200-user-guide/hardware.html), the others have eight.
std::int64_t ranks_per_node(const Device& device);

/// Throws InputError at file:line:column for a malformed table or an unknown set of columns.
ImportedCollectives import_collectives(const CsvTable& table, const Device& device);

/// One operation of one group: the unit of a fit.
struct CollectiveKey {
  std::string operation, kernel, scheme;
  std::int64_t nodes = 1, ranks = 2, sms = 0;
  auto operator<=>(const CollectiveKey&) const = default;
};
std::map<CollectiveKey, std::vector<CollectiveSample>> by_group(
    std::span<const CollectiveSample> samples);

/// Sizes that a fit keeps of those measured: every other one, and the last.
std::vector<std::int64_t> kept_sizes(std::span<const CollectiveSample> samples);

/// Fewer sizes than these say nothing about start-up and bandwidth.
constexpr std::size_t kFewestSizes = 4;

/// Form and curves of the samples of one group, all of them. Throws InputError when they hold fewer
/// than kFewestSizes sizes.
CollectiveFit fit_collective(std::span<const CollectiveSample> samples);

/// One held-out measurement and what it was predicted to be.
struct CollectiveError {
  const CollectiveSample* sample = nullptr;
  double error = 0, form_error = 0;  ///< (predicted - measured) / measured
};
/// Of a fit to the kept sizes of a group, on the others. Empty when there are too few.
std::vector<CollectiveError> unseen_sizes(std::span<const CollectiveSample> samples);
/// Of fits that leave a fifth of the shapes out, five times. Empty below four shapes.
std::vector<CollectiveError> unseen_shapes(std::span<const CollectiveSample> samples);

/// Called before each group with what is fitted.
using CollectiveProgress = std::function<void(const std::string& what)>;

struct FittedCollectives {
  CollectiveProfile profile;
  std::map<std::string, std::int64_t> left_out;  ///< reason -> measurements
};

/// All groups of all tables; `provenance` goes into the profile with the tables' file names added.
/// The name of the profile is DEVICE.LIBRARY-VERSION. Throws InputError when the tables are of more
/// than one library, malformed, or hold nothing that can be fitted.
FittedCollectives fit_collectives(std::span<const CsvTable> tables, const Device& device,
                                  Provenance provenance, const CollectiveProgress& progress = {});

/// One line per fit: parameters and hold-out errors.
std::string describe_collectives(const CollectiveProfile& profile);

}  // namespace moesim
