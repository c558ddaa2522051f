// The scheduler of SGLang (python/sglang/srt/managers/scheduler.py, v0.4 to v0.5): a step is either
// prefill or decode. While requests wait, steps are prefill, up to `chunked_prefill_size` tokens
// each, the last prompt cut; otherwise every running request decodes one token. With `mixed_chunk`
// (--enable-mixed-chunk) running requests decode in the prefill's step too, and their tokens count.
// A second prompt joins a step only when it leaves some of `max_prefill_tokens` (PrefillAdder in
// schedule_policy.py). Requests that have arrived are looked for every `recv_interval` decode steps
// (--scheduler-recv-interval). When KV memory runs out, requests admitted last are retracted and
// computed again. Not modelled: the estimate of how much a request will still generate by which
// SGLang holds back admission.
#include <algorithm>

#include "sim/serving/schedulers/preemption.hpp"

namespace moesim {
namespace {

class Sglang final : public Scheduler {
 public:
  struct Config {
    std::int64_t recv_interval = 1;
    std::int64_t max_prefill_tokens = 0;
    bool mixed_chunk = false;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("recv_interval", &Config::recv_interval,
                        "decode steps between two looks for requests that have arrived (SGLang's "
                        "--scheduler-recv-interval)")
              .min(1)
              .optional("max_prefill_tokens", &Config::max_prefill_tokens,
                        "a step takes a prompt beside another only if both are shorter than that "
                        "together (SGLang's --max-prefill-tokens; 0: however long they are)")
              .min(0)
              .optional("mixed_chunk", &Config::mixed_chunk,
                        "running requests decode in steps that prefill (SGLang's "
                        "--enable-mixed-chunk)");
      return list;
    }
  };

  Sglang(const Config& config, const Context& context) : config_(config), limits_(context) {}

  void schedule(RankState& state, std::vector<Scheduled>& batch) override {
    batch.clear();
    receive(state);
    const auto preemptions = state.preemptions;
    if (config_.mixed_chunk) decode(state, batch);
    if (!prefill(state, batch) && !config_.mixed_chunk) decode(state, batch);
    if (batch.empty()) resume(state, batch);
    received_ += state.preemptions - preemptions;  // they stand at the head of the queue
  }

 private:
  void receive(const RankState& state) {
    if (state.running.empty()) since_received_ = config_.recv_interval;
    if (++since_received_ < config_.recv_interval) return;
    received_ = std::ssize(state.waiting);
    since_received_ = 0;
  }

  /// Chunks of the request that was cut first, then new requests, beside the decodes in `batch`.
  /// False when there is nothing to prefill.
  bool prefill(RankState& state, std::vector<Scheduled>& batch) {
    const auto decodes = std::ssize(batch);
    auto budget = limits_.max_tokens - decodes, prompts = config_.max_prefill_tokens - decodes;
    for (std::size_t i = 0; i < state.running.size() && budget > 0; ++i) {
      Request& request = *state.running[i];
      const auto left = request.length() - request.computed;
      if (request.in_flight || left <= 1) continue;
      const auto tokens = std::min(left, budget);
      if (!state.cache.grow(request.computed, request.computed + tokens)) continue;
      take(request, tokens, batch);
      budget -= tokens;
      prompts -= tokens;
    }
    while (received_ > 0 && budget > 0 && std::ssize(state.running) < limits_.max_sequences) {
      Request& request = *state.waiting.front();
      PrefixLoan prefix(state, request);
      const auto left = request.length() - request.computed;
      if (config_.max_prefill_tokens > 0 && left >= prompts && std::ssize(batch) > decodes) break;
      const auto tokens = std::min(left, budget);
      // Room for the whole prompt and the next token of everybody, or memory would run out at once.
      const auto used = state.cache.used() + state.cache.need(request.length()) -
                        state.cache.need(request.computed) +
                        state.cache.need(1) * static_cast<double>(state.running.size());
      if (used > state.cache.capacity() && !state.running.empty()) break;
      if (!state.cache.grow(request.computed, request.computed + tokens)) break;
      prefix.keep();
      state.waiting.pop_front();
      --received_;
      state.running.push_back(&request);
      take(request, tokens, batch);
      budget -= tokens;
      prompts -= tokens;
    }
    if (std::ssize(batch) == decodes) return false;
    since_received_ = config_.recv_interval;  // it polls after every prefill
    return true;
  }

  void decode(RankState& state, std::vector<Scheduled>& batch) const {
    for (std::size_t i = 0; i < state.running.size() && std::ssize(batch) < limits_.max_tokens; ++i)
      if (!advance(state, i, 1, batch)) return;
  }

  /// Only prompts that were cut and found no memory: one of them goes on, others make room.
  void resume(RankState& state, std::vector<Scheduled>& batch) const {
    for (std::size_t i = 0; i < state.running.size() && batch.empty(); ++i)
      if (!advance(state, i, limits_.max_tokens, batch)) return;
  }

  /// Runs what request `index` still needs if that is at most `most` tokens, or as many of them
  /// when it is the only one. False when it was preempted.
  static bool advance(RankState& state, std::size_t index, std::int64_t most,
                      std::vector<Scheduled>& batch) {
    Request& request = *state.running[index];
    const auto left = request.length() - request.computed;
    if (request.in_flight || (most == 1 && left > 1)) return true;
    const auto tokens = std::min(left, most);
    if (!grow_or_preempt(state, index, tokens)) return false;
    take(request, tokens, batch);
    return true;
  }

  Config config_;
  Context limits_;
  std::int64_t received_ = 0;        ///< waiting requests that the scheduler knows of
  std::int64_t since_received_ = 0;  ///< decode steps since it looked
};

const Register<Scheduler, Sglang> sglang_registered(
    "sglang", "prefill before decode, never in one step; arrivals noticed every few steps");

}  // namespace
}  // namespace moesim
