// Links that the copy engines of several GPUs meet on: the uplink of a PCIe switch, host memory, a
// disk. Copies that flow at the same time share them max-min fairly, rates are found anew whenever
// one begins or ends, and no copy is faster than its own link. Contract: all queues that join have
// one clock; what is issued at a time is issued before anybody asks for what ends later. Not
// modelled: traffic that is no copy; unfair arbiters.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sim/core/quantity.hpp"

namespace moesim {

class CopyQueue;

/// A link that several copy engines load.
struct CopyLimit {
  BytesPerSecond capacity{0};
  std::size_t depth = 0;        ///< copies from this tier and from those behind it cross it
  std::vector<double> engines;  ///< [queues, as they join] GPUs of each that are on the link
};

class CopyLinks {
 public:
  explicit CopyLinks(std::vector<CopyLimit> limits) : limits_(std::move(limits)) {}

  void join(CopyQueue& queue) { queues_.push_back(&queue); }
  /// Whatever begins before `now` has begun, whatever ends by then has ended.
  void advance(Seconds now);
  /// The next thing that happens to any copy; false: all queues are empty.
  bool step();

 private:
  struct Event {
    CopyQueue* queue = nullptr;  ///< null: nothing will happen
    Seconds at{0};
    bool begin = false;
  };
  Event next() const;
  void perform(const Event& event);
  void share(Seconds now);

  std::vector<CopyLimit> limits_;
  std::vector<CopyQueue*> queues_;
};

}  // namespace moesim
