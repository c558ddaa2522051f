// How steady a device is while it is measured: a few fixed points, the anchor (memory_stream in its
// short mode), are measured again and again between the operations.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/core/csv.hpp"

namespace moesim {

/// A few points that are measured again and again between the operations: what differs between
/// their times is the noise of the device, the floor under the error of any prediction.
struct BenchNoise {
  struct Anchor {
    std::string when;  ///< "start", "middle" or "end"
    std::string date_utc;
    std::vector<double> latency_us;  ///< one per point
  };
  std::vector<std::string> points;  ///< "pattern array_bytes l2" of memory_stream
  std::vector<Anchor> anchors;      ///< of every run in this folder, in order of time

  /// Median over the points of standard deviation / mean over the anchors; 0 for fewer than two.
  double cv() const;
  /// Per point: last anchor / first anchor - 1.
  std::vector<double> drift() const;
};

/// The ten anchor points of a table of memory_stream with their times [us], fewer when it has
/// fewer: first those in memory, then those in the cache, by size. The order does not depend on the
/// seed.
std::vector<std::pair<std::string, double>> anchor_points(const CsvTable& table);

}  // namespace moesim
