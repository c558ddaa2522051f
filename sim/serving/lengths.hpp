// Slot "lengths": how long requests are. Life cycle: built once per run with the run's seed; at(i)
// may then be called in any order and any number of times, and depends on the seed and i alone, so
// that another arrival process or another policy sees the same requests. Not modelled: early
// stopping (the output length is known to the simulator, not to its policies), shared prefixes.
#pragma once

#include <cstdint>

#include "sim/core/registry.hpp"

namespace moesim {

class Lengths {
 public:
  static constexpr SlotInfo slot{"lengths", "how many tokens requests bring and ask for"};
  struct Context {
    std::uint64_t seed = 0;
  };
  struct Tokens {
    std::int64_t input = 1, output = 1;  ///< both at least 1
    bool operator==(const Tokens&) const = default;
  };

  virtual ~Lengths() = default;

  virtual Tokens at(std::int64_t request) const = 0;
  /// Whether another seed gives other lengths.
  virtual bool uses_seed() const { return false; }
};

}  // namespace moesim
