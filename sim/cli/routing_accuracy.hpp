// Accuracy of the routing generator as `moesim validate routing` reports it: it is fitted to all
// but one of the recorded tasks of a model and predicts the statistics of the one it has not seen,
// each task in turn, and beside it how far the mean of the other tasks lies from the unseen one: no
// fit can know more than that. Not compared: which expert is popular, which no fit can know of an
// unseen task.
#pragma once

#include <string>
#include <vector>

#include "sim/report/ledger.hpp"

namespace moesim {

/// `folder` has the ESFT traces, esft_*.csv.gz. On `jobs` threads (0: every core). Throws
/// InputError when there are fewer than two.
std::vector<LedgerEntry> routing_accuracy(const std::string& folder, unsigned jobs = 0);

}  // namespace moesim
