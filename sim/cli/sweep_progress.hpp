// The line on stderr while a sweep runs: a bar, points done and failed, time left, and the best
// design so far. Redrawn at most four times a second.
#pragma once

#include <chrono>
#include <string>

#include "sim/sweep/table.hpp"

namespace moesim {

class SweepProgress {
 public:
  /// `all`: points to run now.
  SweepProgress(const SweepTable& table, std::size_t all, bool shown);
  ~SweepProgress();
  SweepProgress(const SweepProgress&) = delete;
  SweepProgress& operator=(const SweepProgress&) = delete;

  void finished(const StoredResult& result);
  std::size_t failed() const { return failed_; }

 private:
  using Clock = std::chrono::steady_clock;
  void draw() const;

  const SweepTable& table_;
  std::size_t all_, done_ = 0, failed_ = 0;
  bool shown_;
  Clock::time_point start_ = Clock::now(), last_ = start_;
};

/// "output tokens/s 1,234 at parallel.expert=8 batch=64", empty without a best design.
std::string best_text(const SweepTable& table);

}  // namespace moesim
