// Whether imbalance alone explains measured tables, as `moesim validate routing` reports it: the
// power-law rows of the H100 tables of routed experts, predicted from their balanced rows and from
// the token counts that the measuring program draws (calibrate/imbalance_check.hpp).
#pragma once

#include <string>
#include <vector>

#include "sim/report/ledger.hpp"

namespace moesim {

/// `folder` holds kernel tables; those named h100_*.LIBRARY-VERSION.moe.csv.gz are read, one entry
/// per library, format and kernel, for all rows, for decode and prefill, for the balanced time
/// taken as it is and for what the draws alone spread. On `jobs` threads (0: every core).
/// Throws InputError when there is none.
std::vector<LedgerEntry> imbalance_accuracy(const std::string& folder, unsigned jobs = 0);

}  // namespace moesim
