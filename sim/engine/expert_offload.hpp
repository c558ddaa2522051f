// Expert offloading inside a lockstep step: the tokens of a group with one GPU follow a stream of
// choices in its order (neighbouring tokens stay neighbours, unlike the windows of ChoicePool), or
// with `by_request` those of every request a stretch of it from its own beginning; ExpertMemory
// says how long each MoE layer waits and computes. Copies run on the group's own busy clock; when
// several GPUs share the nearest link, what a layer waits for becomes a SimGrid transfer over it.
// Not modelled: contention of copies that computation hides; idle time between steps, in which
// nothing is fetched anyway.
#pragma once

#include "models/architecture/architecture.hpp"
#include "sim/cache/expert_memory.hpp"
#include "sim/engine/moe_layers.hpp"
#include "sim/engine/step.hpp"

namespace moesim {

class ExpertOffload {
 public:
  ExpertOffload(const ExpertMemoryConfig& config, const Architecture& model,
                const RoutingConfig& routing, Bytes expert_bytes, std::uint64_t seed);

  /// The tokens of a batch; a chunk without context begins a new request.
  void start_step(const RankBatch& batch);
  /// First choice in the first layer of a request's token `position`, known beforehand.
  std::int64_t first_choice(std::int64_t request, std::int64_t position) const;
  /// What they put on the experts of a layer.
  void loads(std::int64_t layer, ExpertLoads& loads) const;
  /// `gpu_time` of tokens per expert [experts].
  ExpertMemory::LayerTime layer(
      std::int64_t layer, const std::function<Seconds(std::span<const std::int32_t>)>& gpu_time);
  /// The group worked on something else.
  void pass(Seconds duration) { clock_ += duration; }

  /// Keys and values over the experts' link; the group waits for them that long.
  Seconds swap_in(Bytes bytes, BytesPerSecond bandwidth);

  const ExpertMemoryCounts& counts() const { return memory_.counts(); }
  /// Link that other groups load too, and its bandwidth; -1: none.
  int shared_link = -1;
  BytesPerSecond link_bandwidth{0};

 private:
  std::int64_t row_of(std::int64_t request, std::int64_t position) const;
  void find_rows(const RankBatch& batch);

  CacheShape shape_;
  std::uint64_t seed_;
  bool by_request_;
  std::vector<Choices> choices_;    ///< [layers]
  std::vector<std::int64_t> rows_;  ///< [tokens of the step] of the choices
  ExpertMemory memory_;
  std::int64_t begin_ = 0, tokens_ = 0;
  std::vector<std::vector<ExpertId>> needed_;
  std::vector<std::vector<std::int32_t>> count_;  ///< [layers][experts]
  Seconds clock_{0};
};

/// Choices of the routed layers of `model`.
CacheShape cache_shape(const Architecture& model);

}  // namespace moesim
