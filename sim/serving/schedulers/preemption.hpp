// What schedulers that preempt by recomputation share: a victim loses its keys and values and goes
// back to the head of the queue with what it generated.
#pragma once

#include "sim/serving/scheduler.hpp"

namespace moesim {

/// Preempts running request `index`.
void preempt(RankState& state, std::size_t index);
/// Preempts the request admitted last among those after `index`; false when there is none that can
/// go (a request in flight cannot).
bool preempt_last(RankState& state, std::size_t index);
/// Grows the memory of running request `index` by `tokens`, preempting later ones when there is no
/// room; when that is not enough, preempts the request itself and returns false. Counts preemptions
/// in `state`.
bool grow_or_preempt(RankState& state, std::size_t index, std::int64_t tokens);

/// Puts the next `tokens` of a request into a step.
void take(Request& request, std::int64_t tokens, std::vector<Scheduled>& batch);

}  // namespace moesim
