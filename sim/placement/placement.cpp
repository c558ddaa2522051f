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

LayerPlacement placement_of_slots(std::vector<std::int32_t> expert_of_slot, std::int64_t experts,
                                  std::int64_t ranks) {
  LayerPlacement placement;
  placement.expert_of_slot = std::move(expert_of_slot);
  placement.replicas.assign(static_cast<std::size_t>(experts), 0);
  for (const auto e : placement.expert_of_slot) ++placement.replicas[static_cast<std::size_t>(e)];
  const auto slots = static_cast<std::int64_t>(placement.expert_of_slot.size());
  for (std::int64_t r = 0; r <= ranks; ++r)
    placement.first_slot.push_back(
        static_cast<std::int32_t>(r * (slots / ranks) + std::min(r, slots % ranks)));
  return placement;
}

std::vector<LayerPlacement> Placement::place_all(std::span<const LayerSample> layers) {
  std::vector<LayerPlacement> all;
  for (const auto& layer : layers) all.push_back(place(layer.popularity));
  return all;
}

void split_over_slots(const LayerPlacement& placement,
                      std::span<const std::int32_t> tokens_per_expert,
                      std::span<std::int32_t> tokens_per_slot) {
  const auto slots = placement.expert_of_slot.size();
  std::vector<std::int32_t> met;  // replicas seen so far; most placements have none
  for (std::size_t s = 0; s < slots; ++s) {
    const auto e = static_cast<std::size_t>(placement.expert_of_slot[s]);
    const auto copies = placement.replicas[e];
    if (copies == 1) {
      tokens_per_slot[s] = tokens_per_expert[e];
      continue;
    }
    if (met.empty()) met.resize(tokens_per_expert.size(), 0);
    const auto share = tokens_per_expert[e] / copies;
    tokens_per_slot[s] = share + (met[e]++ < tokens_per_expert[e] % copies ? 1 : 0);
  }
}

}  // namespace moesim
