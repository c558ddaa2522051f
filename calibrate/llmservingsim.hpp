// A profile folder of LLMServingSim (vLLM layers timed one by one, times in microseconds):
// meta.yaml (whose key `model` names the model) with moe.csv, dense.csv, attention.csv and
// per_sequence.csv, also under the names profile_*. Taken: experts (tokens x activated experts; the
// tokens are taken as spread evenly over the activated ones), the projections and the LM head as
// GEMMs, attention that is all decode or all prefill, layer norms as element-wise kernels. Left out
// and counted: steps that mix prefill and decode, and the other small kernels.
#pragma once

#include <string>

#include "calibrate/profile_fit.hpp"

namespace moesim {

/// Adds what the folder holds. `model`: name or path; empty: the one that meta.yaml names. Throws
/// InputError for a folder without a table or a model that is not known, and at file:line:column
/// for malformed tables.
void add_llmservingsim(Measured& measured, const std::string& folder, const std::string& model);

}  // namespace moesim
