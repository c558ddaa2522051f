#include "sim/engine/step.hpp"

namespace moesim {

const std::vector<std::string>& names_of(Phase) {
  static const std::vector<std::string> names = {
      "attention", "norms",    "router",         "dispatch",  "expert_load",
      "experts",   "combine",  "shared_experts", "dense_ffn", "all_reduce",
      "lm_head",   "pipeline", "host",           "balance",   "rewire"};
  return names;
}

bool is_communication(Phase phase) {
  return phase == Phase::dispatch || phase == Phase::combine || phase == Phase::all_reduce ||
         phase == Phase::pipeline || phase == Phase::balance;
}

Seconds StepCost::alone() const {
  Seconds total(0);
  for (const auto& stage : stages)
    for (const auto& segment : stage) total += segment.busy + segment.alone;
  return total;
}

}  // namespace moesim
