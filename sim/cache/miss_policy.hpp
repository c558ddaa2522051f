// Slot: what happens when an expert is not where it is computed.
// Life cycle: built once per GPU; asked for every expert that a layer needs, before it is known
// whether it is held, since the precision that is asked for decides that too. Contract: answers in
// (0, 1] of the full bytes; the same question gives the same answer. Not modelled: what a lower
// precision or a skipped expert does to the model's answers.
#pragma once

#include <cstdint>

#include "sim/cache/accesses.hpp"
#include "sim/core/quantity.hpp"
#include "sim/core/registry.hpp"

namespace moesim {

class MissPolicy {
 public:
  static constexpr SlotInfo slot{"miss policy", "what happens when an expert is not there"};
  struct Context {
    CacheShape shape;
    std::uint64_t seed = 0;
  };
  struct Question {
    ExpertId id = 0;
    std::int64_t step = 0;
    std::int64_t rank = 0;    ///< place among its token's choices, 0: the highest gate weight
    std::int64_t tokens = 1;  ///< that chose it
    Seconds load_time{0};     ///< of a full copy over idle links
    Seconds gpu_time{0};      ///< once it is there
  };
  struct Answer {
    enum class Action { load, skip, cpu };
    Action action = Action::load;
    double share = 1;     ///< of the full bytes that the copy must have
    bool nested = false;  ///< a smaller copy is a part of a larger one: only the rest is loaded
    Seconds extra{0};     ///< GPU time per use of such a copy (dequantisation)
    Seconds cpu_time{0};
  };

  virtual ~MissPolicy() = default;
  virtual Answer answer(const Question& question) = 0;
  /// Of the full bytes, what the smallest copy has.
  virtual double small_share() const { return 1; }
};

}  // namespace moesim
