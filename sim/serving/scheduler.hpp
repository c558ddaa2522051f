// Slot: which requests of one data-parallel rank run in the next step, and with how many tokens.
// Life cycle: one per rank; schedule() is called before every step; the engine applies the step
// when it ends. Contract: at most max_tokens tokens and max_sequences requests per step; KV memory
// is grown before a token is scheduled; a request is scheduled at most once per step; an empty
// batch only when nothing can run.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "sim/core/registry.hpp"
#include "sim/serving/kv_cache.hpp"
#include "sim/serving/request.hpp"

namespace moesim {

/// Requests of one rank. `waiting` in the order they will be admitted; `running` in the order they
/// were.
struct RankState {
  std::deque<Request*> waiting;
  std::vector<Request*> running;
  KvCache cache;
  std::int64_t preemptions = 0;
  bool swaps = false;    ///< preempted requests leave their keys and values in host memory
  Bytes swapped_out{0};  ///< since the last step
  struct PrefixCounts {
    std::int64_t prompt_tokens = 0, hit_tokens = 0;  ///< of requests when first admitted
    PrefixCounts& operator+=(const PrefixCounts& more) {
      prompt_tokens += more.prompt_tokens;
      hit_tokens += more.hit_tokens;
      return *this;
    }
  };
  PrefixCounts prefixes;

  explicit RankState(KvCache kv) : cache(kv) {}
};

/// A request's part in a step: tokens [request.computed, request.computed + tokens).
struct Scheduled {
  Request* request = nullptr;
  std::int64_t tokens = 0;
  std::int64_t context = 0;  ///< tokens already cached
  bool emits = false;        ///< the step produces its next output token
  bool verifies = false;     ///< with it, tokens that a draft proposed (set by the engine)
};

class Scheduler {
 public:
  static constexpr SlotInfo slot{"scheduler", "which requests run in the next step"};
  struct Context {
    std::int64_t max_tokens = 8192;    ///< token budget of a step
    std::int64_t max_sequences = 256;  ///< running requests
    /// Expert of a request's next token in the first MoE layer, where the router runs before the
    /// model; empty: not known.
    std::function<std::int64_t(const Request&)> next_expert{};
  };

  virtual ~Scheduler() = default;
  /// All data ranks that step together, before every schedule(): for rules that look beyond the own
  /// rank.
  virtual void see_group(std::span<const RankState>) {}
  /// Writes the next step into `batch`. Requests in flight (a step of theirs is still in the
  /// pipeline) are neither scheduled nor preempted.
  virtual void schedule(RankState& state, std::vector<Scheduled>& batch) = 0;
};

}  // namespace moesim
