// A profile against a table: how far the predictions of a run lie from every measured row, sorted
// by what the profile knows of it. Uses the same predict() as the cost tiers.
#pragma once

#include <string>
#include <vector>

#include "calibrate/profile_fit.hpp"
#include "models/cost/profile.hpp"

namespace moesim {

struct CheckedPoint {
  std::string operation;  ///< "experts fp8_block (kernel)", "gemm bfloat16", "decode mla, kv bf16"
  std::string relation;   ///< "calibration point", "unseen token count", "unseen shape", ...
  std::string regime;     ///< "decode skewed", "m <= 512", ...; empty: none
  double error = 0;       ///< (predicted - measured) / measured, tier residual
  double form_error = 0;  ///< tier fit
};

struct Checked {
  std::vector<CheckedPoint> points;
  std::map<std::string, std::int64_t> left_out;  ///< reason -> rows
};

/// Rows whose kernel or number format the profile does not have are left out and counted.
Checked check_profile(const Profile& profile, const Device& device, const Measured& measured);

/// A name for what a sample is, as in CheckedPoint::operation.
std::string operation_of(const GemmSample& sample);
std::string operation_of(const ExpertsSample& sample);
std::string operation_of(const AttentionSample& sample);

}  // namespace moesim
