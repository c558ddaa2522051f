// Who loads which links of a run, and with how many flows. SimGrid divides a link evenly among its
// flows; a transfer that stands for many flows from GPU to GPU must get as many shares, or it would
// be slowed down as if it were one. Contract: shares are in proportion to flows, to within one
// share, and nobody has more than kMostShares of one link. Plain counting, no clock.
#pragma once

#include <cstddef>
#include <vector>

namespace moesim {

/// SimGrid flows that stand for one transfer on one link, at most.
inline constexpr double kMostShares = 16;

class LinkUsers {
 public:
  explicit LinkUsers(std::size_t links) : links_(links) {}

  /// One more group, stage or other party loads the link.
  void add(std::size_t link) { ++links_[link].users; }
  /// A transfer can put so many flows on the link (of a sprayed one, the part that is there).
  void flows(std::size_t link, double count);
  /// Flows that one share of a link stands for [count], links counted from `first`: those of the
  /// smallest transfer on it, or of the largest by kMostShares. 0: nobody has to share the link.
  std::vector<double> flows_per_share(std::size_t first, std::size_t count) const;

 private:
  struct Link {
    int users = 0;
    double least = 0, most = 0;  ///< flows of a transfer
  };
  std::vector<Link> links_;
};

/// Shares of so many flows, at least one.
int shares_of(double flows, double flows_per_share);

}  // namespace moesim
