// Slot 'search': which designs of a sweep are run when not all are. A search is asked for trials,
// told their scores, and asked again until it wants no more; the same scores give the same trials,
// so a killed search goes on from its store. It optimises the first objective under the
// constraints. `budget` counts whole runs of a design; a shortened one counts as its share.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "sim/core/random.hpp"
#include "sim/core/registry.hpp"
#include "sim/sweep/space.hpp"

namespace moesim {

/// A design run with a share of the workload's length.
struct Trial {
  std::size_t design = 0;
  double length = 1;
  auto operator<=>(const Trial&) const = default;
};

/// Smaller is better: first the violation of constraints, then the objective as a cost. A design
/// that failed has the largest score.
struct Score {
  double violation = 0, cost = 0;
  auto operator<=>(const Score&) const = default;
};

class Search {
 public:
  static constexpr auto slot =
      SlotInfo{"search", "which designs of a sweep are run when not all are"};
  struct Context {
    const SweepSpace& space;
  };
  /// The score of a trial that was asked for before; nothing for others.
  using Scores = std::function<std::optional<Score>(const Trial&)>;

  virtual ~Search() = default;
  /// Trials to run together, each new; empty: the search is over.
  virtual std::vector<Trial> next(const Scores& scores) = 0;
  /// Whether later trials depend on scores: such a search cannot be split into shards.
  virtual bool adaptive() const { return true; }
  /// The key whose value a length below 1 shortens.
  virtual std::string length_key() const { return "workload.requests"; }
};

/// All designs in random order.
std::vector<std::size_t> shuffled_designs(const SweepSpace& space, const RandomStream& random);

/// `count` different designs that spread over every axis (Latin hypercube: McKay, Beckman and
/// Conover, Technometrics 21(2), 1979); where a condition excludes one, a random one takes its
/// place.
std::vector<std::size_t> latin_hypercube(const SweepSpace& space, std::size_t count,
                                         const RandomStream& random);

}  // namespace moesim
