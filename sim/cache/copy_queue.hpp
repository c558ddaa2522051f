// A copy engine and its queue, on a clock of its own: one copy at a time, first in first out or
// demand loads before prefetches. A copy once begun is not interrupted (cudaMemcpyAsync), unless
// copies go in chunks: then the next chunk may be another copy's. A prefetch that has not begun can
// be promoted to a demand load or dropped. Contract: times never go back; bytes moved are bytes
// asked for, less what was dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "sim/core/quantity.hpp"

namespace moesim {

enum class CopyOrder { fifo, priority };
const std::vector<std::string>& names_of(CopyOrder);

class CopyQueue {
 public:
  using Ticket = std::int64_t;

  /// `chunk` of 0: whole copies.
  explicit CopyQueue(CopyOrder order, Bytes chunk = Bytes(0)) : order_(order), chunk_(chunk) {}

  /// A copy asked for at `now` that takes `latency` + bytes / bandwidth once it has begun (every
  /// chunk pays the latency). `now` never goes back.
  Ticket issue(Seconds now, Bytes bytes, BytesPerSecond bandwidth, Seconds latency, bool demand);
  void promote(Seconds now, Ticket ticket);
  /// True when it had not begun: it never will.
  bool drop(Seconds now, Ticket ticket);
  /// Time at which the copy is complete; everything that must go first is decided.
  Seconds finish(Ticket ticket);
  /// Whether it is complete at `now`; a ticket of -1 always is.
  bool done(Ticket ticket, Seconds now) {
    advance(now);
    return ticket < first_ || (at(ticket).finish >= Seconds(0) && at(ticket).finish <= now);
  }
  Bytes moved() const { return moved_; }

 private:
  struct Copy {
    Bytes left{0};
    BytesPerSecond bandwidth{1};
    Seconds latency{0}, finish{-1};
    bool demand = false, begun = false, dropped = false;
  };
  Copy& at(Ticket ticket) { return copies_[static_cast<std::size_t>(ticket - first_)]; }
  std::deque<Ticket>& next_queue();
  void begin_one();
  void advance(Seconds now);
  void forget();

  CopyOrder order_;
  Bytes chunk_;
  std::deque<Copy> copies_;  ///< by ticket, from `first_`
  Ticket first_ = 0;
  std::deque<Ticket> demand_, prefetch_;  ///< waiting; all in demand_ when first in first out
  Seconds free_at_{0};
  Bytes moved_{0};
};

}  // namespace moesim
