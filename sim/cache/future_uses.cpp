#include "sim/cache/future_uses.hpp"

#include <algorithm>

namespace moesim {

FutureUses::FutureUses(const Accesses& accesses)
    : times_(static_cast<std::size_t>(accesses.accesses())),
      begin_(static_cast<std::size_t>(accesses.shape().all()) + 1, 0) {
  for (std::int64_t v = 0; v < accesses.visits(); ++v) {
    for (const auto id : accesses.needed(v)) ++begin_[static_cast<std::size_t>(id) + 1];
    places_ = std::max<std::int64_t>(places_, std::ssize(accesses.needed(v)));
  }
  for (std::size_t e = 1; e < begin_.size(); ++e) begin_[e] += begin_[e - 1];
  auto at = begin_;
  for (std::int64_t v = 0; v < accesses.visits(); ++v) {
    auto time = v * places_;
    for (const auto id : accesses.needed(v)) times_[at[static_cast<std::size_t>(id)]++] = time++;
  }
}

std::int64_t FutureUses::Reader::next_time(ExpertId id, std::int64_t now) {
  auto& at = next_[static_cast<std::size_t>(id)];
  const auto end = uses_->begin_[static_cast<std::size_t>(id) + 1];
  const auto after = (now + 1) * uses_->places_;
  while (at < end && uses_->times_[at] < after) ++at;
  return at < end ? uses_->times_[at] : kNever;
}

std::int64_t FutureUses::Reader::next(ExpertId id, std::int64_t now) {
  const auto time = next_time(id, now);
  return time == kNever ? kNever : time / uses_->places_;
}

std::int64_t FutureUses::Reader::count(ExpertId id, std::int64_t now, std::int64_t span) {
  next_time(id, now);
  auto& at = counted_[static_cast<std::size_t>(id)];
  const auto end = uses_->begin_[static_cast<std::size_t>(id) + 1];
  const auto after = (now + span + 1) * uses_->places_;
  while (at < end && uses_->times_[at] < after) ++at;
  return static_cast<std::int64_t>(at) -
         static_cast<std::int64_t>(next_[static_cast<std::size_t>(id)]);
}

}  // namespace moesim
