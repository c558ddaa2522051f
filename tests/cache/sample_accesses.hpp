// Accesses for the tests of cache/: random ones with some reuse, so that hits and misses both
// occur.
#pragma once

#include <algorithm>
#include <numeric>

#include "sim/cache/accesses.hpp"
#include "sim/core/random.hpp"

namespace moesim::testing {

/// Every layer of a step keeps each expert of the step before with probability one half and draws
/// the rest; two sequences.
inline Accesses sample_accesses(const CacheShape& shape, std::int64_t steps, std::uint64_t seed) {
  const RandomStream stream(seed, stream_id("sample accesses"));
  std::uint64_t draw = 0;
  Accesses accesses(shape);
  std::vector<std::vector<ExpertId>> before(static_cast<std::size_t>(shape.layers));
  for (std::int64_t step = 0; step < steps; ++step) {
    if (step == 0 || step == steps / 2) accesses.start_sequence();
    for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
      auto& last = before[static_cast<std::size_t>(layer)];
      std::vector<ExpertId> now;
      for (const auto id : last)
        if (stream.uniform(draw++) < 0.5) now.push_back(id);
      while (static_cast<std::int64_t>(now.size()) < shape.top_k) {
        const auto id = static_cast<ExpertId>(
            layer * shape.experts + static_cast<std::int64_t>(stream.below(
                                        draw++, static_cast<std::uint64_t>(shape.experts))));
        if (std::ranges::find(now, id) == now.end()) now.push_back(id);
      }
      accesses.add(now);
      last = now;
    }
  }
  return accesses;
}

}  // namespace moesim::testing
