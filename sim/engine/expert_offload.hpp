// Expert offloading inside a lockstep step: the tokens of a group follow a stream of choices in its
// order (neighbouring tokens stay neighbours, unlike the windows of ChoicePool), or with
// `by_request` those of every request a stretch of it from its own beginning. Every rank that holds
// experts of its own has an ExpertMemory, which says how long each MoE layer waits and computes
// there; their copies meet on the links they share. Copies run on the group's own busy clock; when
// other groups load a link too, what a layer waits for becomes a SimGrid transfer over it. A rank
// sees the tokens that come to it, so it predicts from its own experts alone. Not modelled:
// contention of other groups with copies that computation hides, and of dispatch and combine with
// copies over the same port; idle time between steps, in which nothing is fetched anyway.
#pragma once

#include <memory>

#include "models/architecture/architecture.hpp"
#include "sim/cache/copy_links.hpp"
#include "sim/cache/expert_memory.hpp"
#include "sim/engine/moe_layers.hpp"
#include "sim/engine/step.hpp"

namespace moesim {

/// A link of copies that other groups load too.
struct OffloadLink {
  int link = 0;  ///< of the simulation
  BytesPerSecond capacity{0};
  std::vector<double> ranks;  ///< [expert ranks] GPUs of each that are on it
};

/// Where the experts of a group are.
struct OffloadGroup {
  std::int64_t ranks = 1;                       ///< that hold experts of their own
  std::int64_t split = 1;                       ///< GPUs that hold a part of each of them
  std::int64_t gpus_of_node = 1;                ///< that share a node's tiers
  std::vector<const LayerPlacement*> placed{};  ///< [MoE layers]; empty: all on one rank
  std::vector<CopyLimit> limits{};              ///< that ranks of the group meet on
  std::vector<OffloadLink> shared{};            ///< that other groups load too
  double start = 0;                             ///< of its tokens in the stream, as a share
};

class ExpertOffload {
 public:
  ExpertOffload(const ExpertMemoryConfig& config, const Architecture& model,
                const RoutingConfig& routing, Bytes expert_bytes, std::uint64_t seed,
                OffloadGroup group = {});

  /// The tokens of all data ranks; a chunk without context begins a new request.
  void start_step(std::span<const RankBatch> batches);
  /// First choice in the first layer of a request's token `position`, known beforehand.
  std::int64_t first_choice(std::int64_t request, std::int64_t position) const;
  /// What they put on the experts of a layer.
  void loads(std::int64_t layer, ExpertLoads& loads) const;
  /// `gpu_time` of a rank, given tokens per expert [experts of a rank]. Result [ranks].
  using GpuTime = std::function<Seconds(std::size_t, std::span<const std::int32_t>)>;
  std::vector<ExpertMemory::LayerTime> layer(std::int64_t layer, const GpuTime& gpu_time);
  /// The group worked on something else.
  void pass(Seconds duration) { clock_ += duration; }

  /// Keys and values over the experts' link of every GPU (one expert rank); the group waits for
  /// them that long.
  Seconds swap_in(Bytes bytes, BytesPerSecond bandwidth);

  std::int64_t ranks() const { return group_.ranks; }
  /// GPUs that a rank is.
  std::int64_t gpus_of_rank() const { return group_.split; }
  /// Bytes are those of all GPUs.
  ExpertMemoryCounts counts() const;
  /// Of one rank; its bytes are those of one GPU.
  const ExpertMemoryCounts& counts(std::size_t rank) const { return memories_[rank].counts(); }
  /// What ranks that wait for their experts put on links that other groups load too [ranks].
  std::vector<std::vector<LinkBytes>> waited_for(
      std::span<const ExpertMemory::LayerTime> times) const;
  /// The same of `bytes` that are no experts, from the nearest tier to every GPU.
  std::vector<LinkBytes> others(Bytes bytes) const;

 private:
  struct Place {
    std::int32_t rank = 0, expert = 0;  ///< number among the rank's own
  };
  const Place& place_of(std::int64_t layer, std::int64_t expert) const {
    return places_[static_cast<std::size_t>(layer * shape_.experts + expert)];
  }
  void place_experts();
  void preload();
  std::int64_t row_of(std::int64_t request, std::int64_t position) const;
  void find_rows(const RankBatch& batch);
  void count_layer(std::int64_t layer);

  /// What a step needs of a rank, as ExpertMemory::start_step() takes it.
  struct RankNeeds {
    std::vector<std::vector<ExpertId>> ids;
    ExpertMemory::PerNeed tokens, places;
  };

  CacheShape shape_, rank_shape_;
  BytesPerSecond nearest_;
  std::uint64_t seed_;
  bool by_request_;
  OffloadGroup group_;
  std::vector<Place> places_;       ///< [layers x experts]
  std::vector<Choices> choices_;    ///< [layers]
  std::vector<std::int64_t> rows_;  ///< [tokens of the step] of the choices
  std::unique_ptr<CopyLinks> links_;
  std::vector<ExpertMemory> memories_;  ///< [ranks]
  std::int64_t begin_ = 0;
  std::vector<RankNeeds> needs_;                  ///< [ranks]
  std::vector<std::vector<std::int32_t>> count_;  ///< [layers][experts]
  Seconds clock_{0};
};

/// Choices of the routed layers of `model`.
CacheShape cache_shape(const Architecture& model);
/// What one of `ranks` ranks holds of them.
CacheShape shape_of_rank(const CacheShape& shape, std::int64_t ranks);

}  // namespace moesim
