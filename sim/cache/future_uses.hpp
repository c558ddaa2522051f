// When every expert is needed next: what an oracle knows of a recorded run, to the place among the
// experts of a visit (they may be computed in turn). Built once from the accesses; readers ask with
// times that never go back, so a query is amortised constant. Not for online use: a running engine
// does not know its future.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "sim/cache/accesses.hpp"

namespace moesim {

class FutureUses {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  explicit FutureUses(const Accesses& accesses);

  /// One reader's place in the future; copies are independent.
  class Reader {
   public:
    explicit Reader(const FutureUses& uses)
        : uses_(&uses), next_(uses.begin_.begin(), uses.begin_.end() - 1), counted_(next_) {}
    /// First visit after `now` that needs the expert, or kNever.
    std::int64_t next(ExpertId id, std::int64_t now);
    /// When that is: ordered as visits are, and inside of one as its experts are; or kNever.
    std::int64_t next_time(ExpertId id, std::int64_t now);
    /// Visits in (now, now + span] that need it.
    std::int64_t count(ExpertId id, std::int64_t now, std::int64_t span);

   private:
    const FutureUses* uses_;
    std::vector<std::size_t> next_, counted_;  ///< [experts] first use after now, after now + span
  };

 private:
  std::int64_t places_ = 1;          ///< of a visit
  std::vector<std::int64_t> times_;  ///< visit x places + place, expert after expert, ascending
  std::vector<std::size_t> begin_;   ///< [experts + 1]
};

}  // namespace moesim
