#include "sim/cache/locality.hpp"

#include <algorithm>

namespace moesim {
namespace {

/// First and last + 1 step of every sequence.
std::vector<std::pair<std::int64_t, std::int64_t>> ranges(const Accesses& accesses) {
  std::vector<std::pair<std::int64_t, std::int64_t>> result;
  const auto starts = accesses.sequences();
  for (std::size_t s = 0; s < starts.size(); ++s)
    result.emplace_back(starts[s], s + 1 < starts.size() ? starts[s + 1] : accesses.steps());
  if (starts.empty()) result.emplace_back(0, accesses.steps());
  return result;
}

}  // namespace

double segment_routing_best_performance(const Accesses& accesses, std::int64_t tokens) {
  const auto& shape = accesses.shape();
  const auto size = static_cast<std::size_t>(tokens) + 1;
  double sum = 0;
  std::vector<std::int64_t> uses(static_cast<std::size_t>(shape.experts));
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    std::vector<double> with(size, 0);  // [f] pairs of a segment and an expert used f times
    for (const auto& [begin, end] : ranges(accesses))
      for (auto first = begin; first + tokens <= end; first += tokens) {
        std::ranges::fill(uses, 0);
        for (auto step = first; step < first + tokens; ++step)
          for (const auto id : accesses.needed(step * shape.layers + layer))
            ++uses[static_cast<std::size_t>(id % shape.experts)];
        for (const auto f : uses) ++with[static_cast<std::size_t>(f)];
      }
    double all = 0;
    for (std::size_t f = 1; f < size; ++f) all += static_cast<double>(f) * with[f];
    double chosen = 0, segments = 0, best = 0;
    for (std::size_t f = size - 1; f > 0; --f) {  // the threshold falls: more experts are chosen
      chosen += static_cast<double>(f) * with[f];
      segments += with[f];
      if (all > 0)
        best = std::max(best, 2 * chosen / (static_cast<double>(tokens) * segments + all));
    }
    sum += best;
  }
  return sum / static_cast<double>(shape.layers);
}

double step_reuse(const Accesses& accesses) {
  const auto layers = accesses.shape().layers;
  double kept = 0, all = 0;
  for (const auto& [begin, end] : ranges(accesses))
    for (auto visit = (begin + 1) * layers; visit < end * layers; ++visit) {
      const auto before = accesses.needed(visit - layers);
      for (const auto id : accesses.needed(visit))
        kept += std::ranges::find(before, id) != before.end() ? 1 : 0;
      all += static_cast<double>(accesses.needed(visit).size());
    }
  return all > 0 ? kept / all : 0;
}

}  // namespace moesim
