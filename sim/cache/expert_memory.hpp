// The routed experts of one GPU when they do not all fit in its memory: slots, tiers behind them,
// one copy engine, a prefetcher and what happens on a miss. Called layer by layer with what the
// gate chose, answers with how long the layer's experts take. Contract: every byte that is counted
// went over the slowest link of its path; a layer never ends before its experts are there (or
// computed elsewhere, or skipped). Memories whose copies meet on a link (CopyLinks) take every
// layer together, part by part. Not modelled: host memory bandwidth taken by CPU computation, the
// time policies and predictors compute.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "sim/cache/copy_queue.hpp"
#include "sim/cache/expert_cache.hpp"
#include "sim/cache/miss_policy.hpp"
#include "sim/cache/prefetcher.hpp"

namespace moesim {

/// Where experts lie that have no slot, the nearest first. A tier that cannot hold all of them is
/// an LRU cache of the ones behind it; the last one must hold all.
struct TierConfig {
  std::string name;
  Bytes capacity{0};
  BytesPerSecond bandwidth{0};
  Seconds latency{0};
  std::optional<BytesPerSecond> total_bandwidth = {};
  static const Parameters<TierConfig>& parameters();
};

/// What lies in the slots before the first request: nothing; the experts chosen most often, which a
/// profiling run would find (Fiddler); those of the first layers (llama.cpp's -ngl).
enum class Preload { none, popular, in_order };
const std::vector<std::string>& names_of(Preload);

/// The section `cache` of a scenario.
struct ExpertMemoryConfig {
  std::optional<std::int64_t> slots_per_layer, slots;
  std::int64_t staging = 0, small_slots = 0;
  std::vector<TierConfig> tiers;
  std::optional<Bytes> expert_bytes;
  Choice<CachePolicy> policy{"lru"};
  Choice<Prefetcher> prefetcher{"none"};
  Choice<MissPolicy> miss{"load"};
  CopyOrder order = CopyOrder::fifo;
  Bytes chunk{0};
  bool drop_wrong = true;
  bool overlap = false;
  bool flush = false;
  bool by_request = false, write_back = false;
  std::int64_t gpus_per_link = 1;
  std::optional<Preload> preload;
  static const Parameters<ExpertMemoryConfig>& parameters();
  void check(const Node& at) const;
  /// Slots of all layers together; small ones count what a small copy has of a full one's bytes.
  std::int64_t total_slots(const CacheShape& shape) const;
};

/// What one of `gpus` GPUs that share a node's tiers has of them: as large a part of their
/// capacity.
ExpertMemoryConfig part_of_tiers(ExpertMemoryConfig config, std::int64_t gpus);

/// Refuses, at `where`, a cache that holds less than one token needs, more slots than experts, and
/// tiers that do not hold the experts; `shape` and `expert_bytes` are those of one of `gpus` GPUs
/// that share a node's tiers.
void check_expert_memory(const ExpertMemoryConfig& config, const CacheShape& shape,
                         Bytes expert_bytes, std::int64_t gpus, const Location& where);

struct ExpertMemoryCounts {
  std::int64_t hits = 0;                    ///< there when the gate spoke
  std::int64_t late = 0;                    ///< on their way: prefetched, but not yet there
  std::int64_t misses = 0;                  ///< neither
  std::int64_t skipped = 0, on_cpu = 0;     ///< of the misses
  std::int64_t prefetched = 0, wasted = 0;  ///< copies; those that no layer used
  Bytes bytes_loaded{0};
  Bytes written_back{0};          ///< of experts that left, over the nearest link
  Bytes other_bytes{0};           ///< that were no experts, over the nearest link
  std::vector<Bytes> link_bytes;  ///< [tiers] that left a tier for the one before it
  Seconds stall{0};               ///< layers waited for experts
  Seconds compute{0};             ///< of the experts on the GPU
  ExpertMemoryCounts& operator+=(const ExpertMemoryCounts& other);
  double hit_rate() const {
    const auto all = hits + late + misses;
    return all > 0 ? static_cast<double>(hits) / static_cast<double>(all) : 0;
  }
};

class ExpertMemory {
 public:
  /// GPU time of a layer's experts, given which of them (indices into what the layer needs).
  using GpuTime = std::function<Seconds(std::span<const std::size_t>)>;
  struct LayerTime {
    Seconds stall{0}, compute{0};
  };

  ExpertMemory(const ExpertMemoryConfig& config, const CacheShape& shape, Bytes expert_bytes,
               std::uint64_t seed, const FutureUses* future = nullptr, CopyLinks* links = nullptr);
  ~ExpertMemory();
  ExpertMemory(ExpertMemory&&) noexcept;

  /// Fills the slots as the configuration says; `popularity` [experts].
  void preload(std::span<const double> popularity);
  void start_sequence();
  /// What every layer of the step will need [layers][distinct ids, first choices first], how many
  /// tokens chose each (parallel; empty: one), and the best place that it has among the choices of
  /// one of them (parallel; empty: as they come). At time `now` of the caller's clock.
  using PerNeed = std::vector<std::vector<std::int64_t>>;
  void start_step(Seconds now, std::vector<std::vector<ExpertId>> needed, PerNeed tokens = {},
                  PerNeed places = {});
  /// The gate of `layer` has spoken at `now`.
  LayerTime layer(Seconds now, std::int64_t layer, const GpuTime& gpu_time);
  /// The same in three parts: all memories of a group ask for their copies, then all wait for them
  /// and compute, then the layer ends for all at `end`.
  void ask(Seconds now, std::int64_t layer, const GpuTime& gpu_time);
  LayerTime compute(const GpuTime& gpu_time);
  void end_layer(Seconds end);

  /// A copy of something else over the nearest link, in turn with those of experts: how long it
  /// takes until it is there.
  Seconds other_copy(Seconds now, Bytes bytes, BytesPerSecond bandwidth);

  const ExpertMemoryCounts& counts() const { return counts_; }

 private:
  struct Copies;
  struct Need;
  // A key is an expert's full copy (its id) or, with `small_slots`, its small one.
  ExpertId expert_of(ExpertId key) const { return key % static_cast<ExpertId>(shape_.all()); }
  ExpertId same_kind(ExpertId id, ExpertId as) const { return id + as - expert_of(as); }
  ExpertId key_of(ExpertId id, double share) const {
    const bool small = small_ && share < 1 && held_[static_cast<std::size_t>(id)] == 0;
    return small ? id + static_cast<ExpertId>(shape_.all()) : id;
  }
  ExpertCache& cache_of(ExpertId key) { return expert_of(key) == key ? cache_ : *small_; }
  void begin_copy(ExpertId key, double share, double held_share, bool demand, Seconds now);
  void prefetch(Seconds now, std::int64_t layer);
  void count_bytes(ExpertId key, double sign);
  double prefetched_share(ExpertId id, std::int64_t place);
  std::int64_t place_of(ExpertId id, std::int64_t predicted) const;
  void drop_wrong(Seconds now, std::int64_t layer);
  void drop_if_wrong(Seconds now, ExpertId key);
  void find_needs(std::int64_t layer, const GpuTime& gpu_time);
  bool make_room(ExpertId key, bool demand, Seconds now);
  void leave(ExpertId key);
  void write_back(ExpertId gone, Seconds now);
  LayerTime wait_and_compute(const GpuTime& gpu_time);

  ExpertMemoryConfig config_;
  CacheShape shape_;
  Bytes expert_bytes_;
  ExpertCache cache_;
  std::optional<ExpertCache> small_;
  std::unique_ptr<Prefetcher> prefetcher_;
  std::unique_ptr<MissPolicy> miss_;
  std::unique_ptr<Copies> copies_;
  std::vector<char> held_;  ///< [keys] in a slot, in a buffer, or on its way
  std::int64_t step_ = -1;
  std::vector<std::vector<ExpertId>> needed_;
  PerNeed tokens_, places_;
  std::vector<Need> needs_;  ///< of the layer that is computed
  Seconds asked_at_{0};
  std::int64_t visit_ = 0;
  std::vector<ExpertId> wanted_;
  Seconds cpu_free_{0};
  ExpertMemoryCounts counts_;
};

}  // namespace moesim
