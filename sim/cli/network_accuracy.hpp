// Accuracy of the fabric model against packet-level runs, row by row. Sprayed runs are predicted
// from the traffic alone, planned ones with the project's own planner; hashed, split and
// capacity-aware planned runs replay the recorded assignment through the max-min solver; hashed
// runs are also predicted as a distribution over random assignments. Goodput factors were fitted on
// the permutations of at least 1 MiB of the shipped systems and are constants here: groups that say
// `fit` were seen by them, all others were not. Errors are (predicted - measured) / measured.
#pragma once

#include <string>
#include <vector>

#include "sim/report/ledger.hpp"

namespace moesim {

struct NetworkAccuracy {
  std::vector<LedgerEntry> entries;
  std::size_t rows = 0;
  std::vector<std::pair<std::string, std::size_t>> left_out;  ///< reason, rows
  std::vector<std::string> notes;  ///< what no error expresses: brackets, bands
};

/// `reference_folder` has network/runs.csv. Throws InputError when it cannot be read.
NetworkAccuracy network_accuracy(const std::string& reference_folder);

}  // namespace moesim
