#include "sim/serving/schedulers/preemption.hpp"

namespace moesim {

void preempt(RankState& state, std::size_t index) {
  Request& victim = *state.running[index];
  if (state.swaps && victim.swapped == 0) {  // else host memory still has them
    victim.swapped = victim.computed;
    state.swapped_out += state.cache.need(victim.computed);
  }
  state.cache.free(victim.computed, victim.prefix);
  victim.computed = 0;
  ++victim.preemptions;
  ++state.preemptions;
  state.running.erase(state.running.begin() + static_cast<std::ptrdiff_t>(index));
  state.waiting.push_front(&victim);
}

bool preempt_last(RankState& state, std::size_t index) {
  for (std::size_t last = state.running.size(); last-- > index + 1;) {
    if (state.running[last]->in_flight) continue;
    preempt(state, last);
    return true;
  }
  return false;
}

bool grow_or_preempt(RankState& state, std::size_t index, std::int64_t tokens) {
  const Request& request = *state.running[index];
  const auto to = request.computed + tokens;
  while (!state.cache.grow(request.computed, to)) {
    if (preempt_last(state, index)) continue;
    preempt(state, index);
    return false;
  }
  return true;
}

PrefixLoan::PrefixLoan(RankState& state, Request& request) : state_(state), request_(request) {
  request.computed = state.cache.take(request.prefix, request.length() - 1);
}

PrefixLoan::~PrefixLoan() {
  if (kept_ || request_.computed == 0) return;
  state_.cache.free(request_.computed, request_.prefix);
  request_.computed = 0;
}

void PrefixLoan::keep() {
  kept_ = true;
  if (request_.preemptions > 0 || !state_.cache.keeps_prefixes()) return;
  state_.prefixes.prompt_tokens += request_.input;
  state_.prefixes.hit_tokens += request_.computed;
}

void take(Request& request, std::int64_t tokens, std::vector<Scheduled>& batch) {
  batch.push_back(
      {&request, tokens, request.computed, request.computed + tokens == request.length()});
}

}  // namespace moesim
