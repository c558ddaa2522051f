#include "sim/cache/future_uses.hpp"

namespace moesim {

FutureUses::FutureUses(const Accesses& accesses)
    : visits_(static_cast<std::size_t>(accesses.accesses())),
      begin_(static_cast<std::size_t>(accesses.shape().all()) + 1, 0) {
  for (std::int64_t v = 0; v < accesses.visits(); ++v)
    for (const auto id : accesses.needed(v)) ++begin_[static_cast<std::size_t>(id) + 1];
  for (std::size_t e = 1; e < begin_.size(); ++e) begin_[e] += begin_[e - 1];
  auto place = begin_;
  for (std::int64_t v = 0; v < accesses.visits(); ++v)
    for (const auto id : accesses.needed(v)) visits_[place[static_cast<std::size_t>(id)]++] = v;
}

std::int64_t FutureUses::Reader::next(ExpertId id, std::int64_t now) {
  auto& at = next_[static_cast<std::size_t>(id)];
  const auto end = uses_->begin_[static_cast<std::size_t>(id) + 1];
  while (at < end && uses_->visits_[at] <= now) ++at;
  return at < end ? uses_->visits_[at] : kNever;
}

std::int64_t FutureUses::Reader::count(ExpertId id, std::int64_t now, std::int64_t span) {
  next(id, now);
  auto& at = counted_[static_cast<std::size_t>(id)];
  const auto end = uses_->begin_[static_cast<std::size_t>(id) + 1];
  while (at < end && uses_->visits_[at] <= now + span) ++at;
  return static_cast<std::int64_t>(at) -
         static_cast<std::int64_t>(next_[static_cast<std::size_t>(id)]);
}

}  // namespace moesim
