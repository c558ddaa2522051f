#include "sim/placement/placement.hpp"

#include <algorithm>

namespace moesim {

bool LayerPlacement::identity() const {
  if (expert_of_slot.size() != replicas.size()) return false;
  for (std::size_t s = 0; s < expert_of_slot.size(); ++s)
    if (expert_of_slot[s] != static_cast<std::int32_t>(s)) return false;
  return true;
}

std::vector<std::int32_t> replicate(std::span<const double> popularity, std::int64_t redundant) {
  std::vector<std::int32_t> replicas(popularity.size(), 1);
  for (std::int64_t i = 0; i < redundant; ++i) {
    std::size_t hottest = 0;
    for (std::size_t e = 1; e < replicas.size(); ++e)
      if (popularity[e] * replicas[hottest] > popularity[hottest] * replicas[e]) hottest = e;
    ++replicas[hottest];
  }
  return replicas;
}

void split_over_slots(const LayerPlacement& placement,
                      std::span<const std::int32_t> tokens_per_expert,
                      std::span<std::int32_t> tokens_per_slot) {
  const auto slots = placement.expert_of_slot.size();
  std::vector<std::int32_t> met(tokens_per_expert.size(), 0);
  for (std::size_t s = 0; s < slots; ++s) {
    const auto e = static_cast<std::size_t>(placement.expert_of_slot[s]);
    const auto copies = placement.replicas[e];
    const auto share = tokens_per_expert[e] / copies;
    tokens_per_slot[s] = share + (met[e]++ < tokens_per_expert[e] % copies ? 1 : 0);
  }
}

}  // namespace moesim
