// Slot: which data-parallel rank serves an arriving request.
// Life cycle: one per run; choose() is called once per request at its arrival. Contract: returns a
// rank below the number of ranks; may look at the ranks' queues, not at the future.
#pragma once

#include <cstdint>
#include <span>

#include "sim/core/registry.hpp"

namespace moesim {

struct RankLoad {
  std::int64_t waiting = 0, running = 0;
  double cached_share = 0;  ///< of the request's prompt, with engine.prefix_caching
  /// Where the router looks at prompts: tokens of the rank's prompts that are still to compute, and
  /// of those the pairs with a token before them.
  double prompt_tokens = 0, prompt_pairs = 0;
};

class RequestRouter {
 public:
  static constexpr SlotInfo slot{"request router", "which data-parallel rank serves a request"};
  struct Context {
    std::int64_t ranks = 1;
  };

  virtual ~RequestRouter() = default;
  /// Needs RankLoad::prompt_tokens and prompt_pairs.
  virtual bool looks_at_prompts() const { return false; }
  virtual std::int64_t choose(std::int64_t request, std::span<const RankLoad> ranks) = 0;
};

}  // namespace moesim
