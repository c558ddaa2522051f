// Published results against simulated ones, as `moesim validate papers` prints them: every folder
// of scenarios/papers with a published.csv (scenario, variant, baseline, metric, published, band)
// is run and compared, error = simulated / published - 1. `metric` is one of
// paper_metrics.hpp, with its ratio to `baseline` where it is one.
// A scenario's header says which inputs the paper gives and which are assumed.
#pragma once

#include <string>
#include <vector>

#include "sim/report/ledger.hpp"

namespace moesim {

struct PaperResult {
  std::string paper, scenario, variant, baseline, metric;  ///< baseline: "" where none
  double published = 0, simulated = 0, band = 0;
  double error() const { return simulated / published - 1; }
};

/// `folder` is scenarios/papers. Throws InputError at file:line:column of a published.csv.
std::vector<PaperResult> paper_results(const std::string& folder, unsigned jobs);
std::vector<LedgerEntry> paper_entries(const std::vector<PaperResult>& results);
std::string paper_table(const std::vector<PaperResult>& results);

}  // namespace moesim
