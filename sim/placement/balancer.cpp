#include "sim/placement/balancer.hpp"

#include <algorithm>

namespace moesim {
namespace {

std::span<const std::int32_t> experts_on(const LayerPlacement& placement, std::size_t rank) {
  const auto begin = static_cast<std::size_t>(placement.first_slot[rank]);
  const auto end = static_cast<std::size_t>(placement.first_slot[rank + 1]);
  return std::span(placement.expert_of_slot).subspan(begin, end - begin);
}

}  // namespace

std::vector<std::int32_t> home_ranks(const LayerPlacement& placement) {
  std::vector<std::int32_t> home(placement.replicas.size(), -1);
  for (std::size_t r = 0; r + 1 < placement.first_slot.size(); ++r)
    for (const auto e : experts_on(placement, r))
      if (home[static_cast<std::size_t>(e)] < 0)
        home[static_cast<std::size_t>(e)] = static_cast<std::int32_t>(r);
  return home;
}

std::vector<ExpertMove> moves_between(const LayerPlacement& from, const LayerPlacement& to,
                                      std::int64_t ranks_per_node) {
  std::vector<std::vector<std::int32_t>> holders(from.replicas.size());
  for (std::size_t r = 0; r + 1 < from.first_slot.size(); ++r)
    for (const auto e : experts_on(from, r))
      holders[static_cast<std::size_t>(e)].push_back(static_cast<std::int32_t>(r));
  std::vector<ExpertMove> moves;
  for (std::size_t r = 0; r + 1 < to.first_slot.size(); ++r) {
    std::vector<std::int32_t> arrived;
    for (const auto e : experts_on(to, r)) {
      const auto& has = holders[static_cast<std::size_t>(e)];
      const auto rank = static_cast<std::int32_t>(r);
      if (std::ranges::find(has, rank) != has.end() ||
          std::ranges::find(arrived, e) != arrived.end())
        continue;
      arrived.push_back(e);
      const auto node = rank / ranks_per_node;
      const auto near =
          std::ranges::find_if(has, [&](std::int32_t h) { return h / ranks_per_node == node; });
      moves.push_back({e, near != has.end() ? *near : has.front(), rank});
    }
  }
  return moves;
}

}  // namespace moesim
