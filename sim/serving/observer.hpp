// What a run tells whoever wants to know, as it happens: steps, gaps between tokens, finished
// requests. Implemented to the right of serving/ (metrics); serving itself keeps no statistics.
#pragma once

#include "sim/engine/step.hpp"
#include "sim/serving/request.hpp"

namespace moesim {

struct StepEvent {
  std::int64_t group = 0;
  Seconds start, duration;
  std::int64_t prefill_tokens = 0, decode_tokens = 0;
  std::int64_t running = 0, waiting = 0;
  double kv_used_fraction = 0;  ///< of the fullest rank
  const StepCost* cost = nullptr;
};

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void on_step(const StepEvent& step) = 0;
  /// `gap`: time since the request's previous token.
  virtual void on_token_gap(Seconds gap) = 0;
  virtual void on_finished(const Request& request) = 0;
  /// A request that can never run (too long), refused at its arrival.
  virtual void on_failed(const Request& request) = 0;
};

}  // namespace moesim
