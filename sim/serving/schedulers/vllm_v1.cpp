// The scheduler of vLLM V1 (vllm/v1/core/sched/scheduler.py, v0.8 to v0.19): no separate prefill
// and decode phases. Running requests first, each with the tokens it still has to compute, within
// the token budget; when KV memory runs out the request admitted last is preempted and will be
// recomputed. Then waiting requests, first come first served, unless something was preempted.
// Prompts are cut into chunks by what is left of the budget.
#include <algorithm>

#include "sim/serving/schedulers/preemption.hpp"

namespace moesim {
namespace {

class VllmV1 final : public Scheduler {
 public:
  struct Config {
    bool chunked_prefill = true;
    std::int64_t long_prefill_threshold = 0;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional(
                  "chunked_prefill", &Config::chunked_prefill,
                  "cut prompts to fill the token budget; otherwise a prompt runs whole or waits")
              .optional("long_prefill_threshold", &Config::long_prefill_threshold,
                        "most tokens of one prompt per step, 0: no limit (vLLM's "
                        "long_prefill_token_threshold)")
              .min(0);
      return list;
    }
  };

  VllmV1(const Config& config, const Context& context) : config_(config), limits_(context) {}

  void schedule(RankState& state, std::vector<Scheduled>& batch) override {
    batch.clear();
    std::int64_t budget = limits_.max_tokens;
    const bool preempted = continue_running(state, budget, batch);
    if (!preempted) admit_waiting(state, budget, batch);
  }

 private:
  std::int64_t wanted(const Request& request, std::int64_t budget) const {
    std::int64_t tokens = request.length() - request.computed;
    if (config_.long_prefill_threshold > 0)
      tokens = std::min(tokens, config_.long_prefill_threshold);
    return std::min(tokens, budget);
  }

  bool continue_running(RankState& state, std::int64_t& budget,
                        std::vector<Scheduled>& batch) const {
    const auto preemptions = state.preemptions;
    for (std::size_t i = 0; i < state.running.size() && budget > 0; ++i) {
      Request& request = *state.running[i];
      if (request.in_flight) continue;
      const auto tokens = wanted(request, budget);
      if (!grow_or_preempt(state, i, tokens)) return true;
      take(request, tokens, batch);
      budget -= tokens;
    }
    return state.preemptions > preemptions;
  }

  void admit_waiting(RankState& state, std::int64_t budget, std::vector<Scheduled>& batch) const {
    while (!state.waiting.empty() && budget > 0 &&
           static_cast<std::int64_t>(state.running.size()) < limits_.max_sequences) {
      Request& request = *state.waiting.front();
      PrefixLoan prefix(state, request);
      const auto all = request.length() - request.computed;
      if (!config_.chunked_prefill && all > budget) return;
      const auto tokens = wanted(request, budget);
      if (!state.cache.grow(request.computed, request.computed + tokens)) return;
      prefix.keep();
      state.waiting.pop_front();
      state.running.push_back(&request);
      take(request, tokens, batch);
      budget -= tokens;
    }
  }

  Config config_;
  Context limits_;
};

const Register<Scheduler, VllmV1> vllm_v1_registered(
    "vllm-v1",
    "continuous batching with mixed steps, chunked prefill and preemption by recomputation");

}  // namespace
}  // namespace moesim
