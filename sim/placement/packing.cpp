#include "sim/placement/packing.hpp"

#include <algorithm>
#include <tuple>

namespace moesim {
namespace {

struct Slot {
  std::int32_t expert = 0;
  double load = 0;
};

std::vector<Slot> slots_by_load(std::span<const double> popularity, std::int64_t redundant) {
  const auto replicas = replicate(popularity, redundant);
  std::vector<Slot> slots;
  for (std::size_t e = 0; e < replicas.size(); ++e)
    slots.insert(slots.end(), static_cast<std::size_t>(replicas[e]),
                 {static_cast<std::int32_t>(e), popularity[e] / replicas[e]});
  std::ranges::stable_sort(slots, std::greater{}, &Slot::load);
  return slots;
}

}  // namespace

std::int64_t room_of_rank(std::int64_t slots, std::int64_t ranks, std::int64_t rank) {
  return slots / ranks + (rank < slots % ranks ? 1 : 0);
}

LayerPlacement placement_of_ranks(const std::vector<std::vector<std::int32_t>>& experts_on_rank,
                                  std::int64_t experts) {
  LayerPlacement placement;
  placement.replicas.assign(static_cast<std::size_t>(experts), 0);
  placement.first_slot = {0};
  for (const auto& rank : experts_on_rank) {
    for (const auto e : rank) {
      placement.expert_of_slot.push_back(e);
      ++placement.replicas[static_cast<std::size_t>(e)];
    }
    placement.first_slot.push_back(static_cast<std::int32_t>(placement.expert_of_slot.size()));
  }
  return placement;
}

LayerPlacement pack_by_load(std::span<const double> popularity, const Placement::Context& context,
                            std::int64_t nodes) {
  const auto ranks = static_cast<std::size_t>(context.ranks);
  const auto total = context.experts + context.redundant;
  std::vector<std::vector<std::int32_t>> on(ranks);
  std::vector<double> load(ranks, 0), node_load(static_cast<std::size_t>(nodes), 0);
  const auto node_of = [&](std::size_t rank) {
    return rank * static_cast<std::size_t>(nodes) / ranks;
  };
  for (const auto& slot : slots_by_load(popularity, context.redundant)) {
    const auto cost = [&](std::size_t r) {
      const bool twice = std::ranges::find(on[r], slot.expert) != on[r].end();
      return std::tuple(twice, nodes > 1 ? node_load[node_of(r)] : 0.0, load[r], r);
    };
    std::size_t best = ranks;
    for (std::size_t r = 0; r < ranks; ++r) {
      const auto room = room_of_rank(total, context.ranks, static_cast<std::int64_t>(r));
      if (std::ssize(on[r]) < room && (best == ranks || cost(r) < cost(best))) best = r;
    }
    on[best].push_back(slot.expert);
    load[best] += slot.load;
    node_load[node_of(best)] += slot.load;
  }
  return placement_of_ranks(on, context.experts);
}

}  // namespace moesim
