#include "sim/cache/trace_accesses.hpp"

#include <algorithm>
#include <numeric>

namespace moesim {

Accesses accesses_of(const RecordedTrace& trace) {
  Accesses accesses({trace.layers(), trace.experts, trace.top_k});
  std::vector<std::int64_t> order(static_cast<std::size_t>(trace.tokens()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto sequence = [&](std::int64_t token) {
    return trace.sequence[static_cast<std::size_t>(token)];
  };
  std::ranges::stable_sort(order, {}, sequence);
  std::int32_t current = -1;
  std::vector<ExpertId> needed;
  for (const auto token : order) {
    if (sequence(token) != current) accesses.start_sequence();
    current = sequence(token);
    for (std::int64_t layer = 0; layer < trace.layers(); ++layer) {
      needed.clear();
      for (const auto expert : trace.choices(layer, token))
        if (expert < trace.experts)  // a token may take fewer than top_k
          needed.push_back(static_cast<ExpertId>(layer * trace.experts + expert));
      accesses.add(needed);
    }
  }
  return accesses;
}

}  // namespace moesim
