// From tables to a profile: sorts samples into kernels and formats, fits each, states hold-out
// errors, and keeps one kernel for each number format, since a run uses one: block-scaled formats
// before per-tensor ones, then the kernel with most rows.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "calibrate/samples.hpp"
#include "models/cost/profile.hpp"
#include "sim/core/csv.hpp"

namespace moesim {

/// Everything that was measured for one library on one device.
struct Measured {
  std::vector<GemmSample> gemm;
  std::vector<ExpertsSample> experts;
  std::vector<AttentionSample> attention;
  std::vector<ElementwiseSample> elementwise;
  std::map<std::string, std::int64_t> left_out;  ///< reason -> rows

  // What only tables of moesim's own suite have:
  std::vector<GemmSample> router;         ///< scores and choice of experts together
  std::vector<ElementwiseSample> around;  ///< permute and combine: `experts` are the products alone
  bool sequential = false;                ///< the experts run one after another
  bool all_rows = false;                  ///< fit every row of the experts, leave none for checks

  std::size_t size() const {
    return gemm.size() + experts.size() + attention.size() + elementwise.size() + router.size() +
           around.size();
  }
  /// Reads one table of any known kind. Throws InputError.
  void add(const CsvTable& table);
};

/// Called before each fit with what is fitted: "experts fp8_block, moe_torch_flow_cutlass".
using FitProgress = std::function<void(const std::string& what)>;

/// The profile without name and provenance. Kernels with too few rows are left out and counted in
/// `measured.left_out`. Throws InputError when nothing can be fitted.
Profile fit_profile(Measured& measured, const Device& device, const FitProgress& progress);

}  // namespace moesim
