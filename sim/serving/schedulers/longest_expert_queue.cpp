// Batch formation of Read-ME (arXiv 2410.19123 Algorithm 1): a router that runs before the model
// says which expert every queued request goes to, so there is a queue for every expert. A step
// takes the longest, then the next longest, until the token budget (the paper's MaxTokenLen) is
// full; few experts then serve many requests. A request stands where its next token goes, the rest
// of a prompt comes along. Not modelled: fairness (the paper has none either); requests for which
// KV memory has no room wait, unless nothing else can run.
#include <algorithm>
#include <map>
#include <set>

#include "sim/serving/schedulers/preemption.hpp"

namespace moesim {
namespace {

class LongestExpertQueue final : public Scheduler {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };

  LongestExpertQueue(const Config&, const Context& context) : limits_(context) {}

  void schedule(RankState& state, std::vector<Scheduled>& batch) override {
    batch.clear();
    std::int64_t budget = limits_.max_tokens;
    for (const auto& queue : longest_first(state))
      for (const auto& standing : queue)
        if (budget > 0) budget -= add(state, standing, budget, batch);
    std::erase_if(state.waiting, [&](const Request* r) { return admitted_.contains(r); });
    admitted_.clear();
    if (batch.empty()) make_room(state, batch);
  }

 private:
  struct Standing {
    Request* request;
    bool waits;  ///< has no KV memory yet
  };
  using Queue = std::vector<Standing>;

  /// Running requests stand before waiting ones.
  std::vector<Queue> longest_first(const RankState& state) const {
    std::map<std::int64_t, Queue> by_expert;
    const auto stand = [&](Request* request, bool waits) {
      if (request->in_flight) return;
      const auto expert = limits_.next_expert ? limits_.next_expert(*request) : 0;
      by_expert[expert].push_back({request, waits});
    };
    for (auto* request : state.running) stand(request, false);
    for (auto* request : state.waiting) stand(request, true);
    std::vector<Queue> queues;
    for (auto& [_, queue] : by_expert) queues.push_back(std::move(queue));
    std::ranges::stable_sort(queues, std::ranges::greater{}, &Queue::size);
    return queues;
  }

  /// Tokens of the request that the step takes.
  std::int64_t add(RankState& state, const Standing& standing, std::int64_t budget,
                   std::vector<Scheduled>& batch) {
    Request& request = *standing.request;
    if (!standing.waits) return grow(state, request, budget, batch);
    if (std::ssize(state.running) >= limits_.max_sequences) return 0;
    PrefixLoan prefix(state, request);
    const auto tokens = grow(state, request, budget, batch);
    if (tokens == 0) return 0;
    prefix.keep();
    admitted_.insert(&request);
    state.running.push_back(&request);
    return tokens;
  }

  static std::int64_t grow(RankState& state, Request& request, std::int64_t budget,
                           std::vector<Scheduled>& batch) {
    const auto tokens = std::min(request.length() - request.computed, budget);
    if (!state.cache.grow(request.computed, request.computed + tokens)) return 0;
    take(request, tokens, batch);
    return tokens;
  }

  /// KV memory is full of running requests: the first goes on, the last give way.
  void make_room(RankState& state, std::vector<Scheduled>& batch) const {
    for (std::size_t i = 0; i < state.running.size() && batch.empty(); ++i) {
      Request& request = *state.running[i];
      if (request.in_flight) continue;
      const auto tokens = std::min(request.length() - request.computed, limits_.max_tokens);
      if (!grow_or_preempt(state, i, tokens)) return;
      take(request, tokens, batch);
    }
  }

  Context limits_;
  std::set<const Request*> admitted_;  ///< in the step that is being formed
};

const Register<Scheduler, LongestExpertQueue> longest_expert_queue_registered(
    "longest-expert-queue", "requests of the expert that most are queued for come first (Read-ME)");

}  // namespace
}  // namespace moesim
