// A copy engine and its queue, on a clock of its own: one copy at a time, first in first out or
// demand loads before prefetches. A copy once begun is not interrupted (cudaMemcpyAsync), unless
// copies go in chunks: then the next chunk may be another copy's. A prefetch that has not begun can
// be promoted to a demand load or dropped. Alone, a copy runs at the bandwidth that it was given;
// queues that joined CopyLinks share those. Contract: times never go back; bytes moved are bytes
// asked for, less what was dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "sim/cache/copy_links.hpp"
#include "sim/core/quantity.hpp"

namespace moesim {

enum class CopyOrder { fifo, priority };
const std::vector<std::string>& names_of(CopyOrder);

class CopyQueue {
 public:
  using Ticket = std::int64_t;
  enum class Cargo { expert, other };

  /// `chunk` of 0: whole copies. `links`: what it shares with other queues; it stays where it is.
  explicit CopyQueue(CopyOrder order, Bytes chunk = Bytes(0), CopyLinks* links = nullptr)
      : order_(order), chunk_(chunk), links_(links) {
    if (links_ != nullptr) links_->join(*this);
  }
  CopyQueue(const CopyQueue&) = delete;
  CopyQueue& operator=(const CopyQueue&) = delete;

  /// A copy asked for at `now` that takes `latency` + bytes / bandwidth once it has begun (every
  /// chunk pays the latency), more where others flow over one of the `links` (tiers) it crosses.
  /// `now` never goes back.
  Ticket issue(Seconds now, Bytes bytes, BytesPerSecond bandwidth, Seconds latency, bool demand,
               std::size_t links = 1, Cargo cargo = Cargo::expert);
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
  /// Bytes of experts in copies and chunks that have begun.
  Bytes moved() const { return moved_; }

 private:
  struct Copy {
    Bytes left{0};
    BytesPerSecond bandwidth{1};
    Seconds latency{0}, finish{-1};
    bool demand = false, begun = false, dropped = false;
    std::size_t links = 1;
    Cargo cargo = Cargo::expert;
  };
  /// The copy, or the chunk of one, that is being made.
  struct Running {
    Ticket ticket = 0;
    Bytes left{0};
    BytesPerSecond bandwidth{1}, rate{0};
    std::size_t links = 1;
    Seconds flows_at{0}, since{0}, end{0};  ///< after its start-up; at `rate`; at this rate
    bool flowing = false;
    Seconds next() const { return flowing ? end : flows_at; }
    void flow(Seconds now, BytesPerSecond new_rate);
  };
  friend class CopyLinks;
  Copy& at(Ticket ticket) { return copies_[static_cast<std::size_t>(ticket - first_)]; }
  std::deque<Ticket>& next_queue();
  bool idle() const { return demand_.empty() && prefetch_.empty(); }
  void begin_part();
  void end_part(Seconds now);
  void begin_one();
  void advance(Seconds now);
  void forget();

  CopyOrder order_;
  Bytes chunk_;
  CopyLinks* links_;
  std::optional<Running> running_;  ///< with links; alone, what begins has an end at once
  std::deque<Copy> copies_;         ///< by ticket, from `first_`
  Ticket first_ = 0;
  std::deque<Ticket> demand_, prefetch_;  ///< waiting; all in demand_ when first in first out
  Seconds free_at_{0};
  Bytes moved_{0};
};

}  // namespace moesim
