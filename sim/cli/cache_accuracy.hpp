// `moesim validate cache`: hit rates of LRU, LFU and Belady (and the segment oracles) against the
// published curves of arXiv 2505.16056 at 1, 2 and 3 times the active experts: replayed from
// recorded choices of DeepSeek-V2-Lite on other texts, and from a generator fitted to two of the
// points, which are not compared. Errors are differences of hit rates, not ratios.
#pragma once

#include <string>
#include <vector>

#include "sim/report/ledger.hpp"

namespace moesim {

/// `folder` is routing/ of the reference data.
std::vector<LedgerEntry> cache_accuracy(const std::string& folder, unsigned jobs = 0);

}  // namespace moesim
