// Copies of ExpertMemory: room for them, prefetches, what leaves.
#include <algorithm>
#include <utility>

#include "sim/cache/expert_memory_parts.hpp"

namespace moesim {

void ExpertMemory::leave(ExpertId key) {
  if (key == ExpertCache::kNone) return;
  const auto i = static_cast<std::size_t>(key);
  held_[i] = 0;
  if (std::exchange(copies_->fetched[i], 0) == 0) return;
  ++counts_.wasted;
  if (config_.staging == 0) cache_of(key).release(expert_of(key));
}

/// Mixtral-offloading's code swaps: what leaves goes back over the link in the stream of the copies
/// that come (expert_cache.py, _swap).
void ExpertMemory::write_back(ExpertId gone, Seconds now) {
  if (!config_.write_back || gone == ExpertCache::kNone) return;
  const auto& link = config_.tiers.front();
  copies_->queue.issue(now, expert_bytes_, link.bandwidth, link.latency, true, 0,
                       CopyQueue::Cargo::other);  // links carry both ways
  counts_.written_back += expert_bytes_;
}

/// A slot or a buffer for an expert that is not held. Prefetches take only what nothing that is
/// needed or on its way has.
bool ExpertMemory::make_room(ExpertId key, bool demand, Seconds now) {
  auto& buffers = copies_->buffers;
  if (config_.staging > 0) {
    if (std::ssize(buffers) >= config_.staging) {
      if (!demand) return false;
      // A prefetch that this layer does not need makes room, the oldest first.
      const auto other = std::ranges::find_if(
          buffers, [&](ExpertId b) { return shape_.layer_of(b) != shape_.layer_of(key); });
      if (other != buffers.end()) {
        copies_->staged[static_cast<std::size_t>(*other)] = 0;
        leave(*other);
        buffers.erase(other);
      }
    }
    buffers.push_back(key);
    copies_->staged[static_cast<std::size_t>(key)] = 1;
  } else {
    auto& cache = cache_of(key);
    const auto layer = shape_.layer_of(expert_of(key));
    if (!demand && !cache.has_room(layer)) return false;
    const auto gone = cache.insert(expert_of(key), step_ * shape_.layers + layer);
    write_back(gone, now);
    leave(gone == ExpertCache::kNone ? gone : same_kind(gone, key));
  }
  held_[static_cast<std::size_t>(key)] = 1;
  return true;
}

void ExpertMemory::begin_copy(ExpertId key, double share, double held_share, bool demand,
                              Seconds now) {
  const auto path = copies_->path.fetch(expert_of(key));
  const Bytes bytes = (share - held_share) * expert_bytes_;
  const auto i = static_cast<std::size_t>(key);
  copies_->ticket[i] =
      copies_->queue.issue(now, bytes, path.bandwidth, path.latency, demand, path.links);
  copies_->share[i] = share;
  copies_->asked[i] = bytes;
  copies_->links[i] = path.links;
  count_bytes(key, 1);
}

/// Bytes of the expert's latest copy over every link on its way, or taken back when it never began.
void ExpertMemory::count_bytes(ExpertId key, double sign) {
  const auto i = static_cast<std::size_t>(key);
  for (std::size_t t = 0; t < copies_->links[i]; ++t)
    counts_.link_bytes[t] += sign * copies_->asked[i];
}

Seconds ExpertMemory::other_copy(Seconds now, Bytes bytes, BytesPerSecond bandwidth) {
  auto& queue = copies_->queue;
  const auto ticket =
      queue.issue(now, bytes, bandwidth, Seconds(0), true, 1, CopyQueue::Cargo::other);
  counts_.other_bytes += bytes;
  return queue.finish(ticket) - now;
}

void ExpertMemory::prefetch(Seconds now, std::int64_t layer) {
  wanted_.clear();
  const auto full = std::span(held_).first(static_cast<std::size_t>(shape_.all()));
  prefetcher_->wanted({step_, layer, needed_, full}, wanted_);
  // What is predicted and there stays (HOBBIT section 3.3, ExpertFlow's slots by predicted need).
  for (const auto id : wanted_) {
    const auto i = static_cast<std::size_t>(id);
    if (config_.staging > 0 || held_[i] == 0 || copies_->fetched[i] != 0) continue;
    if (std::exchange(copies_->pinned[i], 1) == 0) cache_.protect(id);
  }
  std::int64_t of_layer = -1, rank = 0;  // the predictor names a token's first choices first
  for (const auto id : wanted_) {
    rank = shape_.layer_of(id) == of_layer ? rank + 1 : 0;
    of_layer = shape_.layer_of(id);
    if (held_[static_cast<std::size_t>(id)] != 0) continue;
    const auto share = prefetched_share(id, place_of(id, rank));
    const auto key = key_of(id, share);
    if (share == 0 || held_[static_cast<std::size_t>(key)] != 0) continue;
    if (!make_room(key, false, now)) continue;
    if (config_.staging == 0) cache_of(key).protect(id);
    copies_->fetched[static_cast<std::size_t>(key)] = 1;
    ++counts_.prefetched;
    begin_copy(key, share, 0, false, now);
  }
}

/// A predicted gate has a predicted weight, so the copy is what a miss would load (HOBBIT, arXiv
/// 2411.01433 section 3.3); 0: none.
double ExpertMemory::prefetched_share(ExpertId id, std::int64_t place) {
  MissPolicy::Question question;
  question.id = id;
  question.step = step_;
  question.rank = place;
  question.load_time = copies_->path.idle_time(expert_bytes_);
  const auto answer = miss_->answer(question);
  return answer.action == MissPolicy::Answer::Action::skip ? 0 : answer.share;
}

/// Whoever predicts an expert right predicts its place too; a wrong one has the place it was given.
std::int64_t ExpertMemory::place_of(ExpertId id, std::int64_t predicted) const {
  if (!places_.empty()) {
    const auto layer = static_cast<std::size_t>(shape_.layer_of(id));
    const auto found = std::ranges::find(needed_[layer], id);
    if (found != needed_[layer].end())
      return places_[layer][static_cast<std::size_t>(found - needed_[layer].begin())];
  }
  return predicted % shape_.top_k;
}

// The gate has spoken: what was prefetched for this layer and is not needed is wrong.
void ExpertMemory::drop_wrong(Seconds now, std::int64_t layer) {
  for (std::int64_t bank = 0; bank < std::ssize(held_); bank += shape_.all())
    for (std::int64_t e = 0; e < shape_.experts; ++e)
      drop_if_wrong(now, static_cast<ExpertId>(bank + layer * shape_.experts + e));
}

void ExpertMemory::drop_if_wrong(Seconds now, ExpertId key) {
  const auto i = static_cast<std::size_t>(key);
  if (std::exchange(copies_->pinned[i], 0) != 0) cache_of(key).release(expert_of(key));
  if (copies_->fetched[i] == 0 || held_[i] == 0) return;
  const auto id = expert_of(key);
  copies_->fetched[i] = 0;
  if (config_.staging == 0) cache_of(key).release(id);
  const auto& needed = needed_[static_cast<std::size_t>(shape_.layer_of(id))];
  if (std::ranges::find(needed, id) != needed.end()) return;
  ++counts_.wasted;
  const bool dropped = config_.drop_wrong && copies_->queue.drop(now, copies_->ticket[i]);
  if (dropped) count_bytes(key, -1);
  if (config_.staging > 0) {
    copies_->staged[i] = 0;
    std::erase(copies_->buffers, key);
    leave(key);
  } else if (dropped) {
    cache_of(key).remove(id);
    leave(key);
  }
}

}  // namespace moesim
