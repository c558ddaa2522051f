#include "sim/engine/expert_offload.hpp"

#include <algorithm>
#include <numeric>

#include "sim/core/random.hpp"

namespace moesim {
namespace {

std::vector<Choices> stream_of(const CacheShape& shape, const Architecture& model,
                               const RoutingConfig& routing, std::uint64_t seed) {
  const auto& moe = model.moe;
  const Choice<Router> own(moe.groups > 1 ? "group-limited" : "top-k");
  const auto router =
      routing.router.value_or(own).make({moe.experts, moe.top_k, moe.groups, moe.groups_kept});
  const auto source = routing.source.make({seed, shape.layers, moe.experts, moe.top_k});
  std::vector<Choices> choices;
  for (std::int64_t layer = 0; layer < shape.layers; ++layer)
    choices.push_back(source->sample(layer, routing.pool_tokens, *router));
  return choices;
}

}  // namespace

CacheShape cache_shape(const Architecture& model) {
  return {std::ranges::count_if(model.layers, [](const Layer& l) { return l.moe; }),
          model.moe.experts, model.moe.top_k};
}

CacheShape shape_of_rank(const CacheShape& shape, std::int64_t ranks) {
  const auto experts = (shape.experts + ranks - 1) / ranks;
  return {shape.layers, experts, std::min(shape.top_k, experts)};
}

ExpertOffload::ExpertOffload(const ExpertMemoryConfig& config, const Architecture& model,
                             const RoutingConfig& routing, Bytes expert_bytes, std::uint64_t seed,
                             OffloadGroup group)
    : shape_(cache_shape(model)),
      rank_shape_(shape_of_rank(shape_, group.ranks)),
      nearest_(config.tiers.front().bandwidth),
      seed_(seed),
      by_request_(config.by_request),
      group_(std::move(group)),
      choices_(stream_of(shape_, model, routing, seed)),
      begin_(
          static_cast<std::int64_t>(group_.start * static_cast<double>(choices_.front().tokens()))),
      needs_(static_cast<std::size_t>(group_.ranks)),
      count_(static_cast<std::size_t>(shape_.layers)) {
  place_experts();
  if (!group_.limits.empty()) links_ = std::make_unique<CopyLinks>(group_.limits);
  const auto own = part_of_tiers(config, group_.gpus_of_node);
  for (std::int64_t rank = 0; rank < group_.ranks; ++rank)
    memories_.emplace_back(own, rank_shape_, expert_bytes / static_cast<double>(group_.split),
                           seed + static_cast<std::uint64_t>(rank) * 7'000'003, nullptr,
                           links_.get());
  preload();
}

// A rank's own experts are numbered as the model numbers them.
void ExpertOffload::place_experts() {
  places_.resize(static_cast<std::size_t>(shape_.all()));
  for (std::int64_t layer = 0; layer < shape_.layers; ++layer) {
    const auto first = static_cast<std::size_t>(layer * shape_.experts);
    if (!group_.placed.empty()) {
      const auto& placement = *group_.placed[static_cast<std::size_t>(layer)];
      for (std::int32_t rank = 0; rank < group_.ranks; ++rank)
        for (auto s = placement.first_slot[static_cast<std::size_t>(rank)];
             s < placement.first_slot[static_cast<std::size_t>(rank) + 1]; ++s)
          places_[first +
                  static_cast<std::size_t>(placement.expert_of_slot[static_cast<std::size_t>(s)])]
              .rank = rank;
    }
    std::vector<std::int32_t> held(static_cast<std::size_t>(group_.ranks), 0);
    for (std::size_t e = 0; e < static_cast<std::size_t>(shape_.experts); ++e) {
      auto& place = places_[first + e];
      place.expert = held[static_cast<std::size_t>(place.rank)]++;
    }
  }
}

void ExpertOffload::preload() {
  std::vector<std::vector<double>> chosen(
      static_cast<std::size_t>(group_.ranks),
      std::vector<double>(static_cast<std::size_t>(rank_shape_.all()), 0));
  for (std::int64_t layer = 0; layer < shape_.layers; ++layer)
    for (const auto expert : choices_[static_cast<std::size_t>(layer)].experts)
      if (expert < shape_.experts) {
        const auto& place = place_of(layer, expert);
        ++chosen[static_cast<std::size_t>(place.rank)]
                [static_cast<std::size_t>(layer * rank_shape_.experts + place.expert)];
      }
  for (std::size_t rank = 0; rank < memories_.size(); ++rank) memories_[rank].preload(chosen[rank]);
}

std::int64_t ExpertOffload::row_of(std::int64_t request, std::int64_t position) const {
  const auto rows = static_cast<std::uint64_t>(choices_.front().tokens());
  const RandomStream begins(seed_, stream_id("choices of a request"));
  const auto begin = begins.below(static_cast<std::uint64_t>(request), rows);
  return static_cast<std::int64_t>((begin + static_cast<std::uint64_t>(position)) % rows);
}

std::int64_t ExpertOffload::first_choice(std::int64_t request, std::int64_t position) const {
  const auto& choices = choices_.front();
  return choices.experts[static_cast<std::size_t>(row_of(request, position) * choices.top_k)];
}

void ExpertOffload::find_rows(const RankBatch& batch) {
  const auto first = std::ssize(rows_);
  for (const auto& chunk : batch.chunks)
    for (std::int64_t t = 0; t < chunk.tokens; ++t)
      rows_.push_back(by_request_ && chunk.request >= 0
                          ? row_of(chunk.request, chunk.context + t)
                          : (begin_ + std::ssize(rows_) - first) % choices_.front().tokens());
  begin_ += batch.tokens;
}

void ExpertOffload::start_step(std::span<const RankBatch> batches) {
  rows_.clear();
  bool fresh = false;
  for (const auto& batch : batches) {
    find_rows(batch);
    fresh |= std::ranges::any_of(batch.chunks, [](const Chunk& c) { return c.context == 0; });
  }
  const auto layers = static_cast<std::size_t>(shape_.layers);
  for (auto& needs : needs_) {
    needs.ids.assign(layers, {});
    needs.tokens.assign(layers, {});
    needs.places.assign(layers, {});
  }
  for (std::int64_t layer = 0; layer < shape_.layers; ++layer) count_layer(layer);
  for (std::size_t rank = 0; rank < memories_.size(); ++rank) {
    if (fresh) memories_[rank].start_sequence();
    memories_[rank].start_step(clock_, needs_[rank].ids, needs_[rank].tokens, needs_[rank].places);
  }
}

/// What the step's tokens need in a layer, in the order of their choices.
void ExpertOffload::count_layer(std::int64_t layer) {
  const auto l = static_cast<std::size_t>(layer);
  const auto& choices = choices_[l];
  auto& count = count_[l];
  count.assign(static_cast<std::size_t>(shape_.experts), 0);
  std::vector<std::size_t> index(count.size());  // among what its rank needs
  for (const auto token : rows_)
    for (std::int64_t k = 0; k < choices.top_k; ++k) {
      const auto expert = choices.experts[static_cast<std::size_t>(token * choices.top_k + k)];
      if (expert >= shape_.experts) continue;  // a token may take fewer than top_k
      const auto& place = place_of(layer, expert);
      auto& needs = needs_[static_cast<std::size_t>(place.rank)];
      if (count[expert]++ == 0) {
        index[expert] = needs.ids[l].size();
        needs.ids[l].push_back(static_cast<ExpertId>(layer * rank_shape_.experts + place.expert));
        needs.places[l].push_back(k);
        needs.tokens[l].push_back(0);
      }
      ++needs.tokens[l][index[expert]];
      auto& best = needs.places[l][index[expert]];
      best = std::min(best, k);
    }
}

Seconds ExpertOffload::swap_in(Bytes bytes, BytesPerSecond bandwidth) {
  if (bytes <= Bytes(0)) return Seconds(0);
  const auto wait = memories_.front().other_copy(clock_, bytes, bandwidth);
  clock_ += wait;
  return wait;
}

void ExpertOffload::loads(std::int64_t layer, ExpertLoads& loads) const {
  const auto l = static_cast<std::size_t>(layer);
  loads.per_expert = count_[l];
  loads.per_rank.assign(memories_.size(), 0);
  loads.distinct = 0;
  for (std::size_t rank = 0; rank < memories_.size(); ++rank) {
    loads.distinct += std::ssize(needs_[rank].ids[l]);
    for (const auto tokens : needs_[rank].tokens[l])
      loads.per_rank[rank] += static_cast<double>(tokens);
  }
}

std::vector<ExpertMemory::LayerTime> ExpertOffload::layer(std::int64_t layer,
                                                          const GpuTime& gpu_time) {
  const auto l = static_cast<std::size_t>(layer);
  std::vector<std::int32_t> some(static_cast<std::size_t>(rank_shape_.experts));
  const auto of_rank = [&](std::size_t rank) {
    return [&, rank](std::span<const std::size_t> experts) {
      std::ranges::fill(some, 0);
      for (const auto i : experts)
        some[static_cast<std::size_t>(needs_[rank].ids[l][i] % rank_shape_.experts)] =
            static_cast<std::int32_t>(needs_[rank].tokens[l][i]);
      return gpu_time(rank, some);
    };
  };
  for (std::size_t rank = 0; rank < memories_.size(); ++rank)
    memories_[rank].ask(clock_, layer, of_rank(rank));
  std::vector<ExpertMemory::LayerTime> times;
  Seconds slowest(0);
  for (std::size_t rank = 0; rank < memories_.size(); ++rank) {
    times.push_back(memories_[rank].compute(of_rank(rank)));
    slowest = std::max(slowest, times.back().stall + times.back().compute);
  }
  clock_ += slowest;
  for (auto& memory : memories_) memory.end_layer(clock_);
  return times;
}

ExpertMemoryCounts ExpertOffload::counts() const {
  ExpertMemoryCounts all;
  for (const auto& memory : memories_) {
    auto counts = memory.counts();
    const auto gpus = static_cast<double>(group_.split);
    counts.bytes_loaded *= gpus;
    counts.written_back *= gpus;
    counts.other_bytes *= gpus;
    for (auto& bytes : counts.link_bytes) bytes *= gpus;
    all += counts;
  }
  return all;
}

// A rank that waits keeps its own link busy, or its part of one that all who wait share.
std::vector<std::vector<LinkBytes>> ExpertOffload::waited_for(
    std::span<const ExpertMemory::LayerTime> times) const {
  std::vector<std::vector<LinkBytes>> loads(times.size());
  for (const auto& shared : group_.shared) {
    double waiting = 0;
    for (std::size_t rank = 0; rank < times.size(); ++rank)
      if (times[rank].stall > Seconds(0)) waiting += shared.ranks[rank];
    for (std::size_t rank = 0; rank < times.size(); ++rank) {
      const auto gpus = shared.ranks[rank];
      if (gpus <= 0 || times[rank].stall <= Seconds(0)) continue;
      const auto rate = std::min(shared.capacity * (gpus / waiting), nearest_ * gpus);
      loads[rank].push_back({shared.link, (times[rank].stall * rate).value, gpus});
    }
  }
  return loads;
}

std::vector<LinkBytes> ExpertOffload::others(Bytes bytes) const {
  std::vector<LinkBytes> loads;
  for (const auto& shared : group_.shared) {
    const double gpus = std::accumulate(shared.ranks.begin(), shared.ranks.end(), 0.0);
    loads.push_back({shared.link, gpus * bytes.value, gpus});
  }
  return loads;
}

}  // namespace moesim
