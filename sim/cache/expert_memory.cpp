#include "sim/cache/expert_memory.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "sim/cache/tier_path.hpp"

namespace moesim {

/// Copies on their way and what is known of those that have arrived.
struct ExpertMemory::Copies {
  Copies(const ExpertMemoryConfig& config, const CacheShape& shape, Bytes bytes)
      : queue(config.order, config.chunk),
        path(config.tiers, shape, bytes),
        ticket(static_cast<std::size_t>(shape.all()), -1),
        asked(static_cast<std::size_t>(shape.all()), Bytes(0)),
        links(static_cast<std::size_t>(shape.all()), 0),
        share(static_cast<std::size_t>(shape.all()), 0),
        fetched(static_cast<std::size_t>(shape.all()), 0),
        staged(static_cast<std::size_t>(shape.all()), 0) {}
  CopyQueue queue;
  TierPath path;
  std::vector<CopyQueue::Ticket> ticket;  ///< [experts] of the latest copy, -1: none on its way
  std::vector<Bytes> asked;               ///< [experts] of that copy
  std::vector<std::size_t> links;         ///< [experts] that it crosses
  std::vector<double> share;              ///< [experts] of the full bytes that is or will be there
  std::vector<char> fetched;              ///< [experts] prefetched and not used yet
  std::vector<char> staged;               ///< [experts] in a staging buffer
  std::vector<ExpertId> buffers;          ///< the same as a list
};

struct ExpertMemory::Need {
  std::size_t index = 0;  ///< among what the layer needs
  ExpertId id = 0;
  MissPolicy::Answer answer;
  bool on_gpu = true;
};

namespace {

SlotSharing sharing_of(const ExpertMemoryConfig& config) {
  return config.slots ? SlotSharing::pool : SlotSharing::layer;
}

std::int64_t pool_slots(const ExpertMemoryConfig& config) {
  return config.slots ? *config.slots : *config.slots_per_layer;
}

}  // namespace

ExpertMemory::ExpertMemory(const ExpertMemoryConfig& config, const CacheShape& shape,
                           Bytes expert_bytes, std::uint64_t seed, const FutureUses* future)
    : config_(config),
      shape_(shape),
      expert_bytes_(expert_bytes),
      cache_(shape, sharing_of(config), pool_slots(config),
             config.policy.make({shape, pool_slots(config), config.staging > 0, seed, {}, future})),
      prefetcher_(config.prefetcher.make({shape, seed})),
      miss_(config.miss.make({shape, seed})),
      copies_(std::make_unique<Copies>(config, shape, expert_bytes)),
      held_(static_cast<std::size_t>(shape.all()), 0) {
  counts_.link_bytes.assign(config_.tiers.size(), Bytes(0));
}

ExpertMemory::~ExpertMemory() = default;

void ExpertMemory::preload(std::span<const double> popularity) {
  const auto how = config_.preload.value_or(Preload::none);
  if (how == Preload::none) return;
  std::vector<ExpertId> order(static_cast<std::size_t>(shape_.all()));
  std::iota(order.begin(), order.end(), ExpertId{0});
  if (how == Preload::popular)
    std::ranges::stable_sort(order, std::ranges::greater{},
                             [&](ExpertId id) { return popularity[static_cast<std::size_t>(id)]; });
  std::vector<std::int64_t> held(static_cast<std::size_t>(shape_.layers), 0);
  for (const auto id : order) {
    auto& in_pool = held[config_.slots ? 0 : static_cast<std::size_t>(shape_.layer_of(id))];
    if (in_pool == pool_slots(config_)) continue;
    ++in_pool;
    cache_.insert(id, 0);
    held_[static_cast<std::size_t>(id)] = 1;
    copies_->share[static_cast<std::size_t>(id)] = 1;
  }
}

void ExpertMemory::start_sequence() {
  cache_.start_sequence();
  prefetcher_->start_sequence();
  if (!config_.flush) return;
  cache_.clear();
  std::ranges::fill(held_, 0);
  for (const auto id : copies_->buffers) copies_->staged[static_cast<std::size_t>(id)] = 0;
  copies_->buffers.clear();
}

void ExpertMemory::start_step(Seconds now, std::vector<std::vector<ExpertId>> needed,
                              std::vector<std::vector<std::int64_t>> tokens) {
  ++step_;
  needed_ = std::move(needed);
  tokens_ = std::move(tokens);
  prefetch(now, -1);
}

void ExpertMemory::leave(ExpertId id) {
  if (id == ExpertCache::kNone) return;
  const auto i = static_cast<std::size_t>(id);
  held_[i] = 0;
  if (std::exchange(copies_->fetched[i], 0) == 0) return;
  ++counts_.wasted;
  if (config_.staging == 0) cache_.release(id);
}

/// A slot or a buffer for an expert that is not held. Prefetches take only what nothing that is
/// needed or on its way has.
bool ExpertMemory::make_room(ExpertId id, bool demand) {
  auto& buffers = copies_->buffers;
  if (config_.staging > 0) {
    if (std::ssize(buffers) >= config_.staging) {
      if (!demand) return false;
      // A prefetch that this layer does not need makes room, the oldest first.
      const auto other = std::ranges::find_if(
          buffers, [&](ExpertId b) { return shape_.layer_of(b) != shape_.layer_of(id); });
      if (other != buffers.end()) {
        copies_->staged[static_cast<std::size_t>(*other)] = 0;
        leave(*other);
        buffers.erase(other);
      }
    }
    buffers.push_back(id);
    copies_->staged[static_cast<std::size_t>(id)] = 1;
  } else {
    if (!demand && !cache_.has_room(shape_.layer_of(id))) return false;
    leave(cache_.insert(id, step_ * shape_.layers + shape_.layer_of(id)));
  }
  held_[static_cast<std::size_t>(id)] = 1;
  return true;
}

void ExpertMemory::begin_copy(ExpertId id, double share, double held_share, bool demand,
                              Seconds now) {
  const auto path = copies_->path.fetch(id);
  const Bytes bytes = (share - held_share) * expert_bytes_;
  const auto i = static_cast<std::size_t>(id);
  copies_->ticket[i] = copies_->queue.issue(now, bytes, path.bandwidth, path.latency, demand);
  copies_->share[i] = share;
  copies_->asked[i] = bytes;
  copies_->links[i] = path.links;
  count_bytes(id, 1);
}

/// Bytes of the expert's latest copy over every link on its way, or taken back when it never began.
void ExpertMemory::count_bytes(ExpertId id, double sign) {
  const auto i = static_cast<std::size_t>(id);
  for (std::size_t t = 0; t < copies_->links[i]; ++t)
    counts_.link_bytes[t] += sign * copies_->asked[i];
}

Seconds ExpertMemory::other_copy(Seconds now, Bytes bytes, BytesPerSecond bandwidth) {
  auto& queue = copies_->queue;
  const auto ticket = queue.issue(now, bytes, bandwidth, Seconds(0), true);
  counts_.other_bytes += bytes;
  return queue.finish(ticket) - now;
}

void ExpertMemory::prefetch(Seconds now, std::int64_t layer) {
  wanted_.clear();
  prefetcher_->wanted({step_, layer, needed_, held_}, wanted_);
  std::int64_t of_layer = -1, rank = 0;  // the predictor names a token's first choices first
  for (const auto id : wanted_) {
    rank = shape_.layer_of(id) == of_layer ? rank + 1 : 0;
    of_layer = shape_.layer_of(id);
    if (held_[static_cast<std::size_t>(id)] != 0) continue;
    const auto share = prefetched_share(id, rank);
    if (share == 0 || !make_room(id, false)) continue;
    if (config_.staging == 0) cache_.protect(id);
    copies_->fetched[static_cast<std::size_t>(id)] = 1;
    ++counts_.prefetched;
    begin_copy(id, share, 0, false, now);
  }
}

/// A predicted gate has a predicted weight, so the copy is what a miss would load (HOBBIT, arXiv
/// 2411.01433 section 3.3); 0: none.
double ExpertMemory::prefetched_share(ExpertId id, std::int64_t rank) {
  MissPolicy::Question question;
  question.id = id;
  question.step = step_;
  question.rank = rank % shape_.top_k;
  question.load_time = copies_->path.idle_time(expert_bytes_);
  const auto answer = miss_->answer(question);
  return answer.action == MissPolicy::Answer::Action::skip ? 0 : answer.share;
}

// The gate has spoken: what was prefetched for this layer and is not needed is wrong.
void ExpertMemory::drop_wrong(Seconds now, std::int64_t layer) {
  const auto& needed = needed_[static_cast<std::size_t>(layer)];
  for (std::int64_t e = 0; e < shape_.experts; ++e) {
    const auto id = static_cast<ExpertId>(layer * shape_.experts + e);
    const auto i = static_cast<std::size_t>(id);
    if (copies_->fetched[i] == 0 || held_[i] == 0) continue;
    copies_->fetched[i] = 0;
    if (config_.staging == 0) cache_.release(id);
    if (std::ranges::find(needed, id) != needed.end()) continue;
    ++counts_.wasted;
    const bool dropped = config_.drop_wrong && copies_->queue.drop(now, copies_->ticket[i]);
    if (dropped) count_bytes(id, -1);
    if (config_.staging > 0) {
      copies_->staged[i] = 0;
      std::erase(copies_->buffers, id);
      leave(id);
    } else if (dropped) {
      cache_.remove(id);
      leave(id);
    }
  }
}

std::vector<ExpertMemory::Need> ExpertMemory::ask(std::int64_t layer, const GpuTime& gpu_time) {
  std::vector<Need> needs;
  const auto& needed = needed_[static_cast<std::size_t>(layer)];
  const auto load = copies_->path.idle_time(expert_bytes_);
  for (std::size_t i = 0; i < needed.size(); ++i) {
    MissPolicy::Question question;
    question.id = needed[i];
    question.step = step_;
    question.rank = static_cast<std::int64_t>(i) % shape_.top_k;
    question.tokens = tokens_.empty() ? 1 : tokens_[static_cast<std::size_t>(layer)][i];
    question.load_time = load;
    question.gpu_time = gpu_time(std::span(&i, 1));
    needs.push_back({i, needed[i], miss_->answer(question), true});
  }
  return needs;
}

ExpertMemory::LayerTime ExpertMemory::layer(Seconds now, std::int64_t layer,
                                            const GpuTime& gpu_time) {
  drop_wrong(now, layer);
  auto needs = ask(layer, gpu_time);
  const auto visit = step_ * shape_.layers + layer;
  for (const auto& need : needs) {
    cache_.protect(need.id);
    cache_.used(need.id, visit, need.answer.share >= 1);
    prefetcher_->used(need.id);
  }
  cpu_free_ = std::max(cpu_free_, now);
  for (auto& need : needs) {
    const auto i = static_cast<std::size_t>(need.id);
    const double held_share = held_[i] != 0 ? copies_->share[i] : 0;
    if (held_share >= need.answer.share) {
      const bool there = copies_->queue.done(copies_->ticket[i], now);
      ++(there ? counts_.hits : counts_.late);
      if (!there) copies_->queue.promote(now, copies_->ticket[i]);
      continue;
    }
    ++counts_.misses;
    need.on_gpu = need.answer.action == MissPolicy::Answer::Action::load;
    if (need.answer.action == MissPolicy::Answer::Action::skip) ++counts_.skipped;
    if (need.answer.action == MissPolicy::Answer::Action::cpu) {
      ++counts_.on_cpu;
      cpu_free_ += need.answer.cpu_time;
    }
    if (!need.on_gpu) continue;
    if (held_[i] == 0) make_room(need.id, true);
    begin_copy(need.id, need.answer.share, need.answer.nested ? held_share : 0, true, now);
  }
  prefetch(now, layer);
  const auto time = compute(now, needs, gpu_time);
  for (const auto& need : needs) {
    cache_.release(need.id);
    const auto i = static_cast<std::size_t>(need.id);
    if (copies_->staged[i] == 0) continue;
    copies_->staged[i] = 0;  // computed: a slot if the policy thinks so, or gone
    std::erase(copies_->buffers, need.id);
    leave(cache_.offer(need.id, visit));
  }
  counts_.stall += time.stall;
  counts_.compute += time.compute;
  counts_.bytes_loaded = copies_->queue.moved() - counts_.other_bytes;
  return time;
}

ExpertMemory::LayerTime ExpertMemory::compute(Seconds now, const std::vector<Need>& needs,
                                              const GpuTime& gpu_time) {
  Seconds clock = now, busy(0), extra(0);
  std::vector<std::size_t> there, later;  // indices into what the layer needs
  std::vector<Seconds> arrival(needs.size());
  for (const auto& need : needs) {
    if (!need.on_gpu) continue;
    const auto ticket = copies_->ticket[static_cast<std::size_t>(need.id)];
    arrival[need.index] = ticket < 0 ? now : copies_->queue.finish(ticket);
    (arrival[need.index] <= now ? there : later).push_back(need.index);
    extra += need.answer.extra;
  }
  const auto run = [&](std::span<const std::size_t> experts) {
    if (experts.empty()) return;
    const auto time = gpu_time(experts);
    clock += time;
    busy += time;
  };
  if (config_.overlap) {
    run(there);
    std::ranges::stable_sort(later, {}, [&](std::size_t i) { return arrival[i].value; });
    for (const auto i : later) {
      clock = std::max(clock, arrival[i]);
      run(std::span(&i, 1));
    }
  } else {
    for (const auto i : later) clock = std::max(clock, arrival[i]);
    there.insert(there.end(), later.begin(), later.end());
    std::ranges::sort(there);
    run(there);
  }
  clock += extra;
  busy += extra;
  clock = std::max(clock, cpu_free_);
  return {clock - now - busy, busy};
}

}  // namespace moesim
