#include "sim/engine/expert_offload.hpp"

#include <algorithm>

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

ExpertOffload::ExpertOffload(const ExpertMemoryConfig& config, const Architecture& model,
                             const RoutingConfig& routing, Bytes expert_bytes, std::uint64_t seed)
    : shape_(cache_shape(model)),
      seed_(seed),
      by_request_(config.by_request),
      choices_(stream_of(shape_, model, routing, seed)),
      memory_(config, shape_, expert_bytes, seed),
      needed_(static_cast<std::size_t>(shape_.layers)),
      count_(static_cast<std::size_t>(shape_.layers)) {
  std::vector<double> chosen(static_cast<std::size_t>(shape_.all()), 0);
  for (std::int64_t layer = 0; layer < shape_.layers; ++layer)
    for (const auto expert : choices_[static_cast<std::size_t>(layer)].experts)
      if (expert < shape_.experts)
        ++chosen[static_cast<std::size_t>(layer * shape_.experts + expert)];
  memory_.preload(chosen);
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
  rows_.clear();
  for (const auto& chunk : batch.chunks)
    for (std::int64_t t = 0; t < chunk.tokens; ++t)
      rows_.push_back(by_request_ && chunk.request >= 0
                          ? row_of(chunk.request, chunk.context + t)
                          : (begin_ + std::ssize(rows_)) % choices_.front().tokens());
}

void ExpertOffload::start_step(const RankBatch& batch) {
  begin_ += tokens_;
  tokens_ = batch.tokens;
  find_rows(batch);
  const auto fresh = [](const Chunk& chunk) { return chunk.context == 0; };
  if (std::ranges::any_of(batch.chunks, fresh)) memory_.start_sequence();
  std::vector<std::vector<std::int64_t>> tokens_of(needed_.size());
  for (std::int64_t layer = 0; layer < shape_.layers; ++layer) {
    const auto l = static_cast<std::size_t>(layer);
    const auto& choices = choices_[l];
    auto& count = count_[l];
    count.assign(static_cast<std::size_t>(shape_.experts), 0);
    needed_[l].clear();
    for (const auto token : rows_) {
      const auto row = token * choices.top_k;
      for (auto k = row; k < row + choices.top_k; ++k) {
        const auto expert = choices.experts[static_cast<std::size_t>(k)];
        if (expert >= shape_.experts) continue;  // a token may take fewer than top_k
        if (count[expert]++ == 0)
          needed_[l].push_back(static_cast<ExpertId>(layer * shape_.experts + expert));
      }
    }
    for (const auto id : needed_[l])
      tokens_of[l].push_back(count[static_cast<std::size_t>(id % shape_.experts)]);
  }
  memory_.start_step(clock_, needed_, std::move(tokens_of));
}

Seconds ExpertOffload::swap_in(Bytes bytes, BytesPerSecond bandwidth) {
  if (bytes <= Bytes(0)) return Seconds(0);
  const auto wait = memory_.other_copy(clock_, bytes, bandwidth);
  clock_ += wait;
  return wait;
}

void ExpertOffload::loads(std::int64_t layer, ExpertLoads& loads) const {
  const auto l = static_cast<std::size_t>(layer);
  loads.per_expert = count_[l];
  loads.distinct = std::ssize(needed_[l]);
  double sum = 0;
  for (const auto n : loads.per_expert) sum += n;
  loads.per_rank.assign(1, sum);
}

ExpertMemory::LayerTime ExpertOffload::layer(
    std::int64_t layer, const std::function<Seconds(std::span<const std::int32_t>)>& gpu_time) {
  const auto l = static_cast<std::size_t>(layer);
  std::vector<std::int32_t> some(static_cast<std::size_t>(shape_.experts));
  const auto time = memory_.layer(clock_, layer, [&](std::span<const std::size_t> experts) {
    std::ranges::fill(some, 0);
    for (const auto i : experts) {
      const auto expert = static_cast<std::size_t>(needed_[l][i] % shape_.experts);
      some[expert] = count_[l][expert];
    }
    return gpu_time(some);
  });
  clock_ += time.stall + time.compute;
  return time;
}

}  // namespace moesim
