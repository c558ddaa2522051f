#include "sim/cache/expert_memory.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "sim/cache/expert_memory_parts.hpp"

namespace moesim {
namespace {

SlotSharing sharing_of(const ExpertMemoryConfig& config) {
  return config.slots ? SlotSharing::pool : SlotSharing::layer;
}

std::int64_t pool_slots(const ExpertMemoryConfig& config) {
  return config.slots ? *config.slots : *config.slots_per_layer;
}

}  // namespace

ExpertMemory::ExpertMemory(const ExpertMemoryConfig& config, const CacheShape& shape,
                           Bytes expert_bytes, std::uint64_t seed, const FutureUses* future,
                           CopyLinks* links)
    : config_(config),
      shape_(shape),
      expert_bytes_(expert_bytes),
      cache_(shape, sharing_of(config), pool_slots(config),
             config.policy.make({shape, pool_slots(config), config.staging > 0, seed, {}, future})),
      prefetcher_(config.prefetcher.make({shape, seed})),
      miss_(config.miss.make({shape, seed})),
      held_(static_cast<std::size_t>(shape.all() * (config.small_slots > 0 ? 2 : 1)), 0) {
  const auto small = config.small_slots;
  if (small > 0)
    small_.emplace(shape, SlotSharing::pool, small,
                   config.policy.make({shape, small, false, seed, {}, nullptr}));
  copies_ = std::make_unique<Copies>(config, shape, expert_bytes, held_.size(), links);
  counts_.link_bytes.assign(config_.tiers.size(), Bytes(0));
}

ExpertMemory::~ExpertMemory() = default;
ExpertMemory::ExpertMemory(ExpertMemory&&) noexcept = default;

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
  if (small_) small_->start_sequence();
  prefetcher_->start_sequence();
  if (!config_.flush) return;
  cache_.clear();
  if (small_) small_->clear();
  std::ranges::fill(held_, 0);
  for (const auto id : copies_->buffers) copies_->staged[static_cast<std::size_t>(id)] = 0;
  copies_->buffers.clear();
}

void ExpertMemory::start_step(Seconds now, std::vector<std::vector<ExpertId>> needed,
                              PerNeed tokens, PerNeed places) {
  ++step_;
  needed_ = std::move(needed);
  tokens_ = std::move(tokens);
  places_ = std::move(places);
  prefetch(now, -1);
}

void ExpertMemory::find_needs(std::int64_t layer, const GpuTime& gpu_time) {
  needs_.clear();
  const auto l = static_cast<std::size_t>(layer);
  const auto& needed = needed_[l];
  const auto load = copies_->path.idle_time(expert_bytes_);
  for (std::size_t i = 0; i < needed.size(); ++i) {
    MissPolicy::Question question;
    question.id = needed[i];
    question.step = step_;
    question.rank = places_.empty() ? static_cast<std::int64_t>(i) % shape_.top_k : places_[l][i];
    question.tokens = tokens_.empty() ? 1 : tokens_[l][i];
    question.load_time = load;
    question.gpu_time = gpu_time(std::span(&i, 1));
    const auto answer = miss_->answer(question);
    needs_.push_back({i, needed[i], key_of(needed[i], answer.share), answer, true});
  }
}

ExpertMemory::LayerTime ExpertMemory::layer(Seconds now, std::int64_t layer,
                                            const GpuTime& gpu_time) {
  ask(now, layer, gpu_time);
  const auto time = compute(gpu_time);
  end_layer(now + time.stall + time.compute);
  return time;
}

void ExpertMemory::ask(Seconds now, std::int64_t layer, const GpuTime& gpu_time) {
  asked_at_ = now;
  drop_wrong(now, layer);
  find_needs(layer, gpu_time);
  visit_ = step_ * shape_.layers + layer;
  for (const auto& need : needs_) {
    cache_of(need.key).protect(need.id);
    cache_of(need.key).used(need.id, visit_, need.answer.share >= 1);
    prefetcher_->used(need.id);
  }
  cpu_free_ = std::max(cpu_free_, now);
  for (auto& need : needs_) {
    const auto i = static_cast<std::size_t>(need.key);
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
    if (held_[i] == 0) make_room(need.key, true, now);
    begin_copy(need.key, need.answer.share, need.answer.nested ? held_share : 0, true, now);
  }
  prefetch(now, layer);
}

ExpertMemory::LayerTime ExpertMemory::compute(const GpuTime& gpu_time) {
  const auto time = wait_and_compute(gpu_time);
  counts_.stall += time.stall;
  counts_.compute += time.compute;
  return time;
}

void ExpertMemory::end_layer(Seconds end) {
  for (const auto& need : needs_) {
    cache_of(need.key).release(need.id);
    const auto i = static_cast<std::size_t>(need.key);
    if (copies_->staged[i] == 0) continue;
    copies_->staged[i] = 0;  // computed: a slot if the policy thinks so, or gone
    std::erase(copies_->buffers, need.id);
    const auto gone = cache_.offer(need.id, visit_);
    write_back(gone, end);
    leave(gone);
  }
  counts_.bytes_loaded = copies_->queue.moved();
}

ExpertMemory::LayerTime ExpertMemory::wait_and_compute(const GpuTime& gpu_time) {
  const auto now = asked_at_;
  Seconds clock = now, busy(0), extra(0), waited(0);
  std::vector<std::size_t> there, later;  // indices into what the layer needs
  std::vector<Seconds> arrival(needs_.size());
  for (const auto& need : needs_) {
    if (!need.on_gpu) continue;
    const auto ticket = copies_->ticket[static_cast<std::size_t>(need.key)];
    arrival[need.index] = ticket < 0 ? now : copies_->queue.finish(ticket);
    (arrival[need.index] <= now ? there : later).push_back(need.index);
    extra += need.answer.extra;
  }
  const auto wait_until = [&](Seconds time) {
    if (time <= clock) return;
    waited += time - clock;
    clock = time;
  };
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
      wait_until(arrival[i]);
      run(std::span(&i, 1));
    }
  } else {
    for (const auto i : later) wait_until(arrival[i]);
    there.insert(there.end(), later.begin(), later.end());
    std::ranges::sort(there);
    run(there);
  }
  clock += extra;
  busy += extra;
  wait_until(cpu_free_);
  return {waited, busy};
}

}  // namespace moesim
