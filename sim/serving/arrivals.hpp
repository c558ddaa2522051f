// Slot "arrivals": when requests reach the system. Life cycle: built once per run with the run's
// seed, then next() is called once per request until the workload has enough. Open loop: times
// never decrease, and do not depend on how the system fares. Closed loop: concurrency() requests
// are kept in flight, a new one comes when one is done; next() is 0. Not modelled: sessions, think
// time, retries.
#pragma once

#include <cstdint>
#include <optional>

#include "sim/core/quantity.hpp"
#include "sim/core/registry.hpp"

namespace moesim {

class Arrivals {
 public:
  static constexpr SlotInfo slot{"arrivals", "when requests reach the system"};
  struct Context {
    std::uint64_t seed = 0;
  };

  virtual ~Arrivals() = default;

  /// Time of the next arrival since the start of the run; never before the one returned last.
  virtual Seconds next() = 0;
  /// Closed loop: requests kept in flight. Empty: open loop.
  virtual std::optional<std::int64_t> concurrency() const { return std::nullopt; }
  /// Whether another seed gives other times.
  virtual bool uses_seed() const { return false; }
};

}  // namespace moesim
