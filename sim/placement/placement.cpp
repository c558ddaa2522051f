#include "sim/placement/placement.hpp"

#include <algorithm>

namespace moesim {

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

void split_over_slots(const LayerPlacement& placement, std::span<const std::int32_t> tokens_per_expert,
                      std::span<std::int32_t> tokens_per_slot) {
  const auto slots = placement.expert_of_slot.size();
  if (slots == tokens_per_expert.size()) {
    for (std::size_t s = 0; s < slots; ++s)
      tokens_per_slot[s] = tokens_per_expert[static_cast<std::size_t>(placement.expert_of_slot[s])];
    return;
  }
  std::vector<std::int32_t> met(tokens_per_expert.size(), 0);
  for (std::size_t s = 0; s < slots; ++s) {
    const auto e = static_cast<std::size_t>(placement.expert_of_slot[s]);
    const auto copies = placement.replicas[e];
    const auto share = tokens_per_expert[e] / copies;
    tokens_per_slot[s] = share + (met[e]++ < tokens_per_expert[e] % copies ? 1 : 0);
  }
}

}  // namespace moesim
