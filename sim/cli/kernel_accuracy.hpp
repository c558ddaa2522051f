// How far predicted kernel times lie from measured tables, as `moesim validate kernels` reports it:
// the shipped profiles on every row they were not calibrated with, and fits made anew without the
// rows they are tested on (shapes, GEMMs and lengths the shipped profiles know). Tables are
// DEVICE.LIBRARY-VERSION.OPERATION.csv, gzip too.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/report/ledger.hpp"

namespace moesim {

struct KernelAccuracy {
  std::vector<LedgerEntry> entries;
  std::int64_t rows = 0;                         ///< of all tables
  std::map<std::string, std::int64_t> left_out;  ///< reason -> rows
  std::vector<std::string> unknown_tables;       ///< files of another form
};

/// `folder` holds the tables; `jobs` tables are worked on at a time (0: as many as cores).
/// `progress(done, all)` is called from one thread at a time. Throws InputError.
KernelAccuracy kernel_accuracy(const std::string& folder, unsigned jobs,
                               const std::function<void(std::size_t, std::size_t)>& progress);

}  // namespace moesim
