// Per-flow times of a collective that has the fabric to itself: flows share links max-min fairly,
// and shares are found anew whenever a flow ends (progressive filling; Bertsekas and Gallager,
// "Data Networks", section 6.5.2). Pure logic beside SimGrid's general solver, against which it is
// tested; much faster, because ends that lie close together make one wave. Contract: every piece
// has at least one link; a piece over a link without capacity never ends. Not modelled: latency,
// which the caller adds; flows that start later.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "sim/platform/link.hpp"

namespace moesim {

struct FluidPiece {
  std::span<const int> links;
  double bytes = 0;
  std::span<const double> shares = {};  ///< of its rate on each link (sprayed); empty: all of it
};

struct FluidOptions {
  double until_s = std::numeric_limits<double>::infinity();
  double merge = 0;  ///< ends within this fraction of the time so far make one wave
};

struct FluidTimes {
  std::vector<double> finish_s;    ///< [pieces]; infinity: not before until_s
  std::vector<double> rest_bytes;  ///< [pieces] still to be sent at until_s
  int waves = 0;
};

FluidTimes max_min_times(const std::vector<Link>& links, std::span<const FluidPiece> pieces,
                         const FluidOptions& options = {});

/// Max-min fair rates [bytes/s] of pieces that are all active.
std::vector<double> max_min_rates(const std::vector<Link>& links,
                                  std::span<const FluidPiece> pieces);

}  // namespace moesim
