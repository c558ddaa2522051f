// The scheduler of TensorRT-LLM's PyTorch backend (tensorrt_llm/_torch/pyexecutor/scheduler.py,
// v0.20 to v1.2) with its default policy GUARANTEED_NO_EVICT: a request is admitted when its whole
// length, prompt and output, fits beside those of all running ones, so that nothing is ever
// preempted. A step holds a token of every running request and whole prompts of admitted ones up to
// the token budget (`max_num_tokens`); prompts are cut only with `chunked_prefill`. With
// `batch_wait_steps` prompts are held back beside running requests until they fill a share of the
// budget (_waiting_requests in py_executor.py). With `balance_steps` data-parallel ranks admit
// prompts in the same step: once all have one, or after so many steps (_balance_adp_requests).
#include <algorithm>

#include "sim/serving/schedulers/preemption.hpp"

namespace moesim {
namespace {

class TensorRtLlm final : public Scheduler {
 public:
  struct Config {
    bool chunked_prefill = false;
    std::int64_t batch_wait_steps = 0;
    double batch_wait_share = 0.9;
    std::int64_t balance_steps = 0;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("chunked_prefill", &Config::chunked_prefill,
                        "cut prompts to fill the token budget (TensorRT-LLM's "
                        "enable_chunked_prefill); otherwise only prompts longer than the whole "
                        "budget are cut")
              .optional("batch_wait_steps", &Config::batch_wait_steps,
                        "most steps that prompts are held back to fill a step "
                        "(batch_wait_timeout_iters)")
              .min(0)
              .optional("batch_wait_share", &Config::batch_wait_share,
                        "share of the token budget that ends the wait "
                        "(batch_wait_max_tokens_ratio)")
              .min(0)
              .max(1)
              .optional("balance_steps", &Config::balance_steps,
                        "most steps that prompts are held back until every data-parallel rank has "
                        "one (attention_dp_config: enable_balance, timeout_iters); 0: not at all")
              .min(0);
      return list;
    }
  };

  TensorRtLlm(const Config& config, const Context& context) : config_(config), limits_(context) {}

  void see_group(std::span<const RankState> ranks) override {
    if (config_.balance_steps == 0 || ranks.size() == 1) return;
    const auto has_room = [&](const RankState& rank) {
      return std::ssize(rank.running) < limits_.max_sequences;
    };
    const bool all_run =
        std::ranges::none_of(ranks, [](const RankState& rank) { return rank.running.empty(); });
    const bool all_wait =
        std::ranges::none_of(ranks, [](const RankState& rank) { return rank.waiting.empty(); });
    const bool open = (all_wait && std::ranges::all_of(ranks, has_room)) || !all_run ||
                      ++unbalanced_ >= config_.balance_steps;
    if (open) unbalanced_ = 0;
    held_ = !open;
  }

  void schedule(RankState& state, std::vector<Scheduled>& batch) override {
    batch.clear();
    std::int64_t budget = limits_.max_tokens;
    for (std::size_t i = 0; i < state.running.size(); ++i) {
      Request& request = *state.running[i];
      const auto tokens = wanted(request, budget);
      if (request.in_flight || tokens == 0) continue;
      // Memory was promised at admission; only what another pool handed over can still lack it.
      if (!grow_or_preempt(state, i, tokens)) break;
      take(request, tokens, batch);
      budget -= tokens;
    }
    if (!held_ && !waits(state, budget, batch)) admit(state, budget, batch);
  }

 private:
  bool waits(const RankState& state, std::int64_t budget, const std::vector<Scheduled>& batch) {
    if (config_.batch_wait_steps == 0 || state.waiting.empty() || batch.empty()) return false;
    std::int64_t tokens = limits_.max_tokens - budget;
    const auto room = limits_.max_sequences - std::ssize(state.running);
    for (std::int64_t i = 0; i < std::min<std::int64_t>(room, std::ssize(state.waiting)); ++i)
      tokens += state.waiting[static_cast<std::size_t>(i)]->length();
    const bool full = static_cast<double>(tokens) >=
                      config_.batch_wait_share * static_cast<double>(limits_.max_tokens);
    waited_ = full || waited_ >= config_.batch_wait_steps ? 0 : waited_ + 1;
    return waited_ > 0;
  }

  /// Tokens that a request can have of the budget; 0: it waits.
  std::int64_t wanted(const Request& request, std::int64_t budget) const {
    const auto left = request.length() - request.computed;
    if (left <= budget) return left;
    return config_.chunked_prefill || left > limits_.max_tokens ? budget : 0;
  }

  void admit(RankState& state, std::int64_t budget, std::vector<Scheduled>& batch) const {
    Bytes promised;
    for (const auto* request : state.running)
      promised += state.cache.need(request->input + request->output);
    while (!state.waiting.empty() && std::ssize(state.running) < limits_.max_sequences) {
      Request& request = *state.waiting.front();
      const auto needed = state.cache.need(request.input + request.output);
      if (promised + needed > state.cache.capacity()) return;
      PrefixLoan prefix(state, request);
      const auto tokens = wanted(request, budget);
      if (tokens == 0 || !state.cache.grow(request.computed, request.computed + tokens)) return;
      prefix.keep();
      take(request, tokens, batch);
      budget -= tokens;
      promised += needed;
      state.waiting.pop_front();
      state.running.push_back(&request);
    }
  }

  Config config_;
  Context limits_;
  std::int64_t waited_ = 0;      ///< steps that prompts have been held back to fill a step
  std::int64_t unbalanced_ = 0;  ///< since prompts were admitted on all ranks
  bool held_ = false;
};

const Register<Scheduler, TensorRtLlm> tensor_rt_llm_registered(
    "trtllm", "mixed steps of decode and whole prompts, admission that never preempts");

}  // namespace
}  // namespace moesim
