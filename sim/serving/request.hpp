// One request through its life: arrival, waiting, chunks of prefill, decode, done. Times are
// simulated; a preempted request keeps its generated tokens and computes their keys and values
// again (recomputation), unless they were swapped to host memory.
#pragma once

#include <cstdint>

#include "sim/core/quantity.hpp"
#include "sim/serving/prefix_blocks.hpp"

namespace moesim {

struct Request {
  std::int64_t id = 0;
  int rank = 0;             ///< data-parallel rank that serves it
  std::int64_t input = 0;   ///< prompt tokens
  std::int64_t output = 0;  ///< tokens to generate
  Seconds arrival;
  KvPrefix prefix;  ///< what it may have in common with others; its tokens count in `computed`

  std::int64_t computed = 0;   ///< tokens whose keys and values are in the cache
  std::int64_t generated = 0;  ///< output tokens so far
  std::int64_t delivered = 0;  ///< of those, what the client has
  std::int64_t steps = 0;      ///< that gave it output tokens
  std::int64_t swapped = 0;    ///< tokens whose keys and values lie in host memory
  bool in_flight = false;      ///< a step of it is being computed
  bool handed_over = false;  ///< from another pool; the client has its first token when it runs on
  int preemptions = 0;
  double accepted = 0;          ///< tokens that verified steps owe it, a fraction
  Seconds first_scheduled{-1};  ///< negative: not yet
  Seconds first_token{-1};
  Seconds last_token{-1};

  /// Tokens that must be computed before the next one comes out.
  std::int64_t length() const { return input + generated; }
  bool finished() const { return generated == output; }
};

}  // namespace moesim
