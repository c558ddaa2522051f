#include "sim/engine/moe_layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace moesim {

const Parameters<RoutingConfig>& RoutingConfig::parameters() {
  static const auto list =
      Parameters<RoutingConfig>()
          .optional("source", &RoutingConfig::source, "where the tokens' choices come from")
          .optional("router", &RoutingConfig::router,
                    "how a token picks its experts (default: as the model does)")
          .optional("placement", &RoutingConfig::placement, "which rank holds which expert")
          .optional("balancer", &RoutingConfig::balancer,
                    "how load is balanced over the ranks during the run")
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

namespace {

std::unique_ptr<Router> make_router(const Architecture& model, const RoutingConfig& config) {
  const auto& moe = model.moe;
  const Choice<Router> own(moe.groups > 1 ? "group-limited" : "top-k");
  return config.router.value_or(own).make({moe.experts, moe.top_k, moe.groups, moe.groups_kept});
}

/// Experts that stay in memory, per layer that sees them.
std::int64_t resident_experts(const Router& router) {
  const auto visible = router.visible_experts();
  const auto effect = router.effect({0, 1, visible});
  return std::llround(static_cast<double>(visible) * effect.resident_share);
}

/// Ids of a layer that has lost experts become 0, 1, ...; returns how many there are left.
std::int64_t renumber(Choices& choices, std::int64_t experts) {
  std::vector<std::uint16_t> id(static_cast<std::size_t>(experts), kNoExpert);
  for (const auto e : choices.experts)
    if (e != kNoExpert) id[e] = 0;
  std::uint16_t next = 0;
  for (auto& e : id)
    if (e == 0) e = next++;
  for (auto& e : choices.experts)
    if (e != kNoExpert) e = id[e];
  return next;
}

/// Everything that the choices depend on.
std::string sample_key(const Architecture& model, std::int64_t layers, const RoutingConfig& config,
                       std::uint64_t seed) {
  const auto& moe = model.moe;
  const auto router = config.router.value_or(Choice<Router>());
  return fmt::format("{} {} {} {} {} {} {}\n{}\n{}", layers, moe.experts, moe.top_k, moe.groups,
                     moe.groups_kept, seed, config.pool_tokens,
                     to_yaml(Value<Choice<ChoiceSource>>::write(config.source)),
                     to_yaml(Value<Choice<Router>>::write(router)));
}

}  // namespace

MoeLayers::MoeLayers(const Architecture& model, const RoutingConfig& config, std::int64_t ranks,
                     std::uint64_t seed, std::int64_t ranks_per_node)
    : ranks_(ranks),
      ranks_per_node_(ranks_per_node > 0 ? std::min(ranks_per_node, ranks) : ranks),
      seed_(seed),
      pool_tokens_(config.pool_tokens) {
  const auto& moe = model.moe;
  const auto layers = std::ranges::count_if(model.layers, [](const Layer& l) { return l.moe; });
  if (layers == 0) return;
  router_ = make_router(model, config);
  source_ = config.source.make({seed, layers, router_->visible_experts(), moe.top_k});
  experts_ = resident_experts(*router_);
  for (std::int64_t l = 0; l < layers; ++l)
    effects_.push_back(router_->effect({l, layers, router_->visible_experts()}));
  sampled_ = sampled_layers(source_->repeatable() ? sample_key(model, layers, config, seed) : "",
                            [&] { return sample(model.name); });
  const auto placement = config.placement.make(
      {experts_, config.redundant_experts, ranks, ranks_per_node_, moe.groups, seed});
  std::vector<LayerSample> samples;
  for (std::int64_t l = 0; l < layers; ++l) {
    const auto at = static_cast<std::size_t>(l);
    const auto& choices = sampled_->samples[at];
    samples.push_back({sampled_->pools[at].inclusion(), choices.experts, choices.top_k});
  }
  placements_ = placement->place_all(samples);
  for (const auto& layer : placements_) identity_.push_back(layer.identity());
  balancer_ = config.balancer.make(
      {layers, experts_, ranks, ranks_per_node_, config.redundant_experts, moe.groups, seed});
}

SampledLayers MoeLayers::sample(const std::string& model) {
  const auto visible = router_->visible_experts();
  SampledLayers sampled;
  for (std::int64_t layer = 0; layer < layers(); ++layer) {
    auto& choices = sampled.samples.emplace_back(source_->sample(layer, pool_tokens_, *router_));
    auto weights = source_->weights(layer);
    if (experts_ < visible) {
      const auto left = renumber(choices, visible);
      if (left > experts_)
        throw InputError(
            fmt::format("{} experts are chosen in MoE layer {} of {}, the router keeps "
                        "{}: a recorded trace brings its own choices",
                        left, layer, model, experts_));
      weights.clear();
    }
    sampled.pools.emplace_back(experts_, choices, weights, router_->groups());
  }
  return sampled;
}

Migration MoeLayers::advance(std::int64_t step, std::uint64_t group) {
  if (pending_.size() <= group) pending_.resize(group + 1);
  if (balancer_ == nullptr) return {};
  if (const auto length = source_->steps_per_epoch(); length > 0 && step / length > epoch_) {
    epoch_ = step / length;
    source_->drift_to(epoch_);
    SampledLayers drifted;
    for (std::int64_t layer = 0; layer < layers(); ++layer) {
      auto& choices = drifted.samples.emplace_back(source_->sample(layer, pool_tokens_, *router_));
      if (experts_ < router_->visible_experts()) renumber(choices, router_->visible_experts());
      drifted.pools.emplace_back(experts_, choices, std::span<const double>(), router_->groups());
    }
    sampled_ = std::make_shared<const SampledLayers>(std::move(drifted));
  }
  if (step > last_balanced_ && balancer_->due(step)) {
    last_balanced_ = step;
    std::vector<ExpertMove> moves;
    for (std::size_t l = 0; l < placements_.size(); ++l) {
      auto next = balancer_->place(static_cast<std::int64_t>(l), placements_[l]);
      const auto layer = moves_between(placements_[l], next, ranks_per_node_);
      moves.insert(moves.end(), layer.begin(), layer.end());
      placements_[l] = std::move(next);
      identity_[l] = placements_[l].identity();
    }
    for (auto& pending : pending_) {
      pending.moves.insert(pending.moves.end(), moves.begin(), moves.end());
      ++pending.rebalances;
    }
  }
  return std::exchange(pending_[group], {});
}

void MoeLayers::draw(std::int64_t layer, std::int64_t tokens, std::uint64_t step,
                     ExpertLoads& loads) {
  const auto at = static_cast<std::size_t>(layer);
  const auto& placement = placements_[at];
  loads.per_expert.resize(static_cast<std::size_t>(experts_));
  loads.per_rank.assign(static_cast<std::size_t>(ranks_), 0);
  pool(layer).draw(tokens, seed_, static_cast<std::uint64_t>(layer), step, loads.per_expert);
  router_->settle(tokens, loads.per_expert);
  if (observing_) balancer_->observe(layer, loads.per_expert);
  auto& batch = loads.batch;
  batch.copies.clear();
  batch.host = Seconds(0);
  batch.travelling = 1;
  if (!balancer_->assign(layer, loads.per_expert, placement, step, batch)) {
    batch.first_slot = placement.first_slot;
    batch.tokens_of_slot.resize(placement.expert_of_slot.size());
    if (identity_[at] != 0)
      std::ranges::copy(loads.per_expert, batch.tokens_of_slot.begin());
    else
      split_over_slots(placement, loads.per_expert, batch.tokens_of_slot);
  }
  loads.distinct = std::ranges::count_if(loads.per_expert, [](std::int32_t n) { return n > 0; });
  for (std::int64_t rank = 0; rank < ranks_; ++rank) {
    const auto slots = slots_of(layer, rank, loads);
    loads.per_rank[static_cast<std::size_t>(rank)] =
        static_cast<double>(std::accumulate(slots.begin(), slots.end(), std::int64_t{0}));
  }
}

std::span<const std::int32_t> MoeLayers::slots_of(std::int64_t, std::int64_t rank,
                                                  const ExpertLoads& loads) const {
  const auto& first = loads.batch.first_slot;
  const auto begin = static_cast<std::size_t>(first[static_cast<std::size_t>(rank)]);
  const auto end = static_cast<std::size_t>(first[static_cast<std::size_t>(rank) + 1]);
  return std::span(loads.batch.tokens_of_slot).subspan(begin, end - begin);
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
  std::vector<std::int32_t> part(static_cast<std::size_t>(experts_), -1);
  for (std::size_t rank = 0; rank + 1 < placement.first_slot.size(); ++rank)
    for (auto s = placement.first_slot[rank]; s < placement.first_slot[rank + 1]; ++s) {
      auto& p =
          part[static_cast<std::size_t>(placement.expert_of_slot[static_cast<std::size_t>(s)])];
      if (p < 0) p = part_of_rank[rank];
    }
  return pool(layer).part_probability(part, parts);
}

std::int64_t slots_to_hold(const Architecture& model, const RoutingConfig& config,
                           std::int64_t ranks) {
  if (model.moe.experts == 0) return 0;
  const auto router = make_router(model, config);
  const auto shared = router->effect({0, 1, router->visible_experts()}).pool_layers;
  const auto slots = resident_experts(*router) / shared + config.redundant_experts;
  const auto balancer = config.balancer.make(
      {1, resident_experts(*router), ranks, ranks, config.redundant_experts, model.moe.groups, 0});
  return (slots + ranks - 1) / ranks + balancer->copy_slots();
}

}  // namespace moesim
