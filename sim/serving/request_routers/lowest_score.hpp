// What routers share that take the rank with the lowest score.
#pragma once

#include <cstddef>

namespace moesim {

/// The rank with the lowest `score(rank)`; ties go to the first from `next` on, around the end.
/// `next` is then the rank after it.
template <class Score>
std::size_t lowest_score(std::size_t ranks, std::size_t& next, const Score& score) {
  std::size_t best = next % ranks;
  for (std::size_t i = 1; i < ranks; ++i) {
    const auto r = (next + i) % ranks;
    if (score(r) < score(best)) best = r;
  }
  next = best + 1;
  return best;
}

}  // namespace moesim
