// What schedulers that preempt by recomputation share: a victim loses its keys and values and goes
// back to the head of the queue with what it generated. And admission: a request begins with the
// tokens of its prompt that are cached, at least one is left to compute.
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

/// While a scheduler decides about a waiting request, that request has what is cached of its prompt
/// (Request::computed); unless it is kept, everything is as before.
class PrefixLoan {
 public:
  PrefixLoan(RankState& state, Request& request);
  ~PrefixLoan();
  PrefixLoan(const PrefixLoan&) = delete;
  PrefixLoan& operator=(const PrefixLoan&) = delete;
  /// The request is admitted.
  void keep();

 private:
  RankState& state_;
  Request& request_;
  bool kept_ = false;
};

/// Puts the next `tokens` of a request into a step.
void take(Request& request, std::int64_t tokens, std::vector<Scheduled>& batch);

}  // namespace moesim
