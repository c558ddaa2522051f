#include "sim/engine/moe_layers.hpp"

#include <algorithm>
#include <numeric>

namespace moesim {

const Parameters<RoutingConfig>& RoutingConfig::parameters() {
  static const auto list =
      Parameters<RoutingConfig>()
          .optional("source", &RoutingConfig::source, "where the tokens' choices come from")
          .optional("router", &RoutingConfig::router,
                    "how a token picks its experts (default: as the model does)")
          .optional("placement", &RoutingConfig::placement, "which rank holds which expert")
          .optional("redundant_experts", &RoutingConfig::redundant_experts,
                    "extra replicas, given to the most popular experts of every layer")
          .min(0)
          .max(60000)
          .optional("pool_tokens", &RoutingConfig::pool_tokens,
                    "tokens sampled per layer at the start; batches up to this size are exact to "
                    "the token")
          .min(64)
          .max(65000);
  return list;
}

MoeLayers::MoeLayers(const Architecture& model, const RoutingConfig& config, std::int64_t ranks,
                     std::uint64_t seed)
    : ranks_(ranks), seed_(seed) {
  const auto& moe = model.moe;
  const auto layers = std::ranges::count_if(model.layers, [](const Layer& l) { return l.moe; });
  if (layers == 0) return;
  const Choice<Router> own(moe.groups > 1 ? "group-limited" : "top-k");
  const auto router =
      config.router.value_or(own).make({moe.experts, moe.top_k, moe.groups, moe.groups_kept});
  const auto source = config.source.make({seed, layers, moe.experts, moe.top_k});
  const auto placement = config.placement.make({moe.experts, config.redundant_experts, ranks});
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    pools_.emplace_back(moe.experts, source->sample(layer, config.pool_tokens, *router),
                        source->weights(layer), router->groups());
    placements_.push_back(placement->place(pools_.back().inclusion()));
    identity_.push_back(placements_.back().identity() ? 1 : 0);
  }
}

void MoeLayers::draw(std::int64_t layer, std::int64_t tokens, std::uint64_t step,
                     ExpertLoads& loads) const {
  const auto& pool = pools_[static_cast<std::size_t>(layer)];
  const auto& placement = placements_[static_cast<std::size_t>(layer)];
  loads.per_expert.resize(static_cast<std::size_t>(pool.experts()));
  loads.per_rank.assign(static_cast<std::size_t>(ranks_), 0);
  pool.draw(tokens, seed_, static_cast<std::uint64_t>(layer), step, loads.per_expert);
  if (identity_[static_cast<std::size_t>(layer)] == 0) {
    loads.per_slot.resize(placement.expert_of_slot.size());
    split_over_slots(placement, loads.per_expert, loads.per_slot);
  }
  loads.distinct = std::ranges::count_if(loads.per_expert, [](std::int32_t n) { return n > 0; });
  for (std::int64_t rank = 0; rank < ranks_; ++rank) {
    const auto slots = slots_of(layer, rank, loads);
    loads.per_rank[static_cast<std::size_t>(rank)] =
        static_cast<double>(std::accumulate(slots.begin(), slots.end(), 0));
  }
}

std::span<const std::int32_t> MoeLayers::slots_of(std::int64_t layer, std::int64_t rank,
                                                  const ExpertLoads& loads) const {
  const auto& first = placements_[static_cast<std::size_t>(layer)].first_slot;
  const auto begin = static_cast<std::size_t>(first[static_cast<std::size_t>(rank)]);
  const auto end = static_cast<std::size_t>(first[static_cast<std::size_t>(rank) + 1]);
  const auto& slots =
      identity_[static_cast<std::size_t>(layer)] != 0 ? loads.per_expert : loads.per_slot;
  return std::span(slots).subspan(begin, end - begin);
}

std::int64_t MoeLayers::slots_per_rank() const {
  std::int64_t most = 0;
  for (const auto& placement : placements_)
    for (std::size_t r = 0; r + 1 < placement.first_slot.size(); ++r)
      most = std::max<std::int64_t>(most, placement.first_slot[r + 1] - placement.first_slot[r]);
  return most;
}

std::vector<double> MoeLayers::part_probability(std::int64_t layer,
                                                std::span<const int> part_of_rank,
                                                int parts) const {
  // A replicated expert counts where its first slot is: the replicas share its tokens, so this is
  // an upper bound there.
  const auto& placement = placements_[static_cast<std::size_t>(layer)];
  std::vector<std::int32_t> part(static_cast<std::size_t>(pools_.front().experts()), -1);
  for (std::size_t rank = 0; rank + 1 < placement.first_slot.size(); ++rank)
    for (auto s = placement.first_slot[rank]; s < placement.first_slot[rank + 1]; ++s) {
      auto& p =
          part[static_cast<std::size_t>(placement.expert_of_slot[static_cast<std::size_t>(s)])];
      if (p < 0) p = part_of_rank[rank];
    }
  return pools_[static_cast<std::size_t>(layer)].part_probability(part, parts);
}

}  // namespace moesim
