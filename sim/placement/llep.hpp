// Least-loaded expert parallelism (LLEP, arXiv 2601.17111, algorithms 2-4 and the released code):
// the assignment of one batch's tokens to ranks. Experts in order of falling load; an expert whose
// own rank has no room below the cap is spilled, in chunks of at least `min_tokens`, to the least
// loaded ranks, which get a copy of its weights.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace moesim {

struct LlepRule {
  double alpha = 1;                ///< cap of a rank / mean load
  std::int64_t min_tokens = 1024;  ///< smallest chunk, unless it is all that is left
};

/// `tokens` of `expert` run on `rank`.
struct LlepPart {
  std::int32_t expert = 0, rank = 0;
  std::int64_t tokens = 0;
  bool operator==(const LlepPart&) const = default;
};

/// `load` [experts] tokens; `home` [experts] rank that holds each. Parts in order of assignment;
/// tokens of an expert sum to its load.
std::vector<LlepPart> llep_assign(std::span<const std::int32_t> load,
                                  std::span<const std::int32_t> home, std::int64_t ranks,
                                  const LlepRule& rule);

/// Load of the busiest rank / mean, when every expert stays at home: the gate of LLEP, as its code
/// computes it (the paper's text says per expert; its figure 7a agrees with per rank).
double rank_imbalance(std::span<const std::int32_t> load, std::span<const std::int32_t> home,
                      std::int64_t ranks);

}  // namespace moesim
