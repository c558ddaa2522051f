// Slot: which experts are fetched before the layer that needs them is reached.
// Life cycle: built once per GPU; start_sequence() at every new sequence; used() when a gate has
// spoken; then wanted() once per layer, after the demand loads of that layer were issued, and once
// before the first layer of a step. Contract: appends ids of later layers of the same step, the
// most urgent first, each at most once; never looks at what it is not entitled to: `step` holds the
// truth of all layers, from which a predictor of given accuracy makes its mistakes. What is fetched
// in vain costs what it costs. Not modelled: the time a predictor computes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/cache/accesses.hpp"
#include "sim/core/random.hpp"
#include "sim/core/registry.hpp"

namespace moesim {

class Prefetcher {
 public:
  static constexpr SlotInfo slot{"prefetcher", "which experts are fetched before they are needed"};
  struct Context {
    CacheShape shape;
    std::uint64_t seed = 0;
  };
  struct View {
    std::int64_t step = 0;                         ///< number of the step
    std::int64_t layer = -1;                       ///< whose gate has spoken; -1: none yet
    std::span<const std::vector<ExpertId>> truth;  ///< [layers] what the step needs
    std::span<const char> held;                    ///< [experts] in a slot or on its way
    bool holds(ExpertId id) const { return held[static_cast<std::size_t>(id)] != 0; }
  };

  virtual ~Prefetcher() = default;
  virtual void start_sequence() {}
  virtual void used(ExpertId /*id*/) {}
  virtual void wanted(const View& view, std::vector<ExpertId>& ids) = 0;
};

/// What a predictor of that accuracy says `layer` of the step will need: every true expert, or with
/// probability 1 - accuracy another one of the layer.
class Guess {
 public:
  Guess(const Prefetcher::Context& context, std::string_view name)
      : shape_(context.shape), stream_(context.seed, stream_id(name)) {}
  /// At most `limit` experts, appended. `distance` in layers names the draw.
  void append(const Prefetcher::View& view, std::int64_t layer, std::int64_t distance,
              double accuracy, std::int64_t limit, std::vector<ExpertId>& ids) const;

 private:
  CacheShape shape_;
  RandomStream stream_;
};

}  // namespace moesim
