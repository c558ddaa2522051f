#include "sim/cache/accesses.hpp"

#include <algorithm>
#include <utility>

namespace moesim {

Accesses batched(const Accesses& accesses, std::int64_t batch) {
  const auto& shape = accesses.shape();
  Accesses result(shape);
  std::vector<std::int64_t> borders(accesses.sequences().begin(), accesses.sequences().end());
  if (borders.empty() || borders.front() != 0) borders.insert(borders.begin(), 0);
  borders.push_back(accesses.steps());
  std::vector<char> seen(static_cast<std::size_t>(shape.all()), 0);
  std::vector<ExpertId> needed;
  for (std::size_t s = 0; s + 1 < borders.size(); ++s) {
    result.start_sequence();
    for (auto first = borders[s]; first < borders[s + 1]; first += batch) {
      const auto last = std::min(first + batch, borders[s + 1]);
      for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
        needed.clear();
        for (auto step = first; step < last; ++step)
          for (const auto id : accesses.needed(step * shape.layers + layer))
            if (std::exchange(seen[static_cast<std::size_t>(id)], 1) == 0) needed.push_back(id);
        for (const auto id : needed) seen[static_cast<std::size_t>(id)] = 0;
        result.add(needed);
      }
    }
  }
  return result;
}

std::vector<double> popularity(const Accesses& accesses) {
  std::vector<double> counts(static_cast<std::size_t>(accesses.shape().all()), 0);
  for (std::int64_t v = 0; v < accesses.visits(); ++v)
    for (const auto id : accesses.needed(v)) ++counts[static_cast<std::size_t>(id)];
  return counts;
}

}  // namespace moesim
