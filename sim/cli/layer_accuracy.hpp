// `moesim validate layers`: whole MoE layers executed on this machine's CPU against their
// prediction from separately measured pieces (3 shapes x 3 skews x 11 token counts). The best of at
// most three rounds counts, since a neighbour on the same cores can spoil one; every round is an
// entry of the ledger. A round that reaches the target is the last.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/report/ledger.hpp"

namespace moesim {

struct LayerAccuracyOptions {
  int rounds = 3;
  double target = 0.10;  ///< mean of |error|, design.md section 10
  std::function<void(const std::string&)> progress = [](const std::string&) {};
};

struct LayerAccuracy {
  std::vector<LedgerEntry> entries;
  double mean = 0;       ///< of the best round
  double anchor_cv = 0;  ///< least of all rounds: how steady the machine was at its best
};

/// Throws InputError when the programs are not built, BenchError when one fails.
LayerAccuracy layer_accuracy(const LayerAccuracyOptions& options);

}  // namespace moesim
