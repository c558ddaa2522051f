// Links, and the bytes that traffic puts on them. A link is one direction of a cable or port; its
// capacity is what a large transfer reaches (nominal bandwidth times measured efficiency).
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "sim/core/quantity.hpp"

namespace moesim {

struct Link {
  std::string name;
  BytesPerSecond capacity;
  Seconds latency{0};  ///< of propagation, on top of the start-up times of the node profiles
};

/// Bytes per link of one transfer; cheap to reuse: clear() costs only what was touched.
class LinkLoads {
 public:
  explicit LinkLoads(std::size_t links) : bytes_(links, 0.0) {}

  void add(int link, double bytes) {
    auto& load = bytes_[static_cast<std::size_t>(link)];
    if (bytes <= 0) return;
    if (load == 0) touched_.push_back(link);
    load += bytes;
  }
  double bytes(int link) const { return bytes_[static_cast<std::size_t>(link)]; }
  const std::vector<int>& touched() const { return touched_; }
  void clear() {
    for (const int link : touched_) bytes_[static_cast<std::size_t>(link)] = 0;
    touched_.clear();
  }

 private:
  std::vector<double> bytes_;
  std::vector<int> touched_;
};

/// The bound that no schedule beats: max over links of bytes / capacity.
inline Seconds link_bound(const LinkLoads& loads, const std::vector<Link>& links) {
  Seconds bound(0);
  for (const int link : loads.touched())
    bound =
        std::max(bound, Bytes(loads.bytes(link)) / links[static_cast<std::size_t>(link)].capacity);
  return bound;
}

}  // namespace moesim
