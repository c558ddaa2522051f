// Which prompts of a workload begin alike, in blocks of KV memory: by the block ids of a trace
// (hash_ids of Mooncake's), or by a prefix that all generated prompts have in common. Only whole
// blocks count: what is equal inside one is not known. Not known either, so not shared: answers
// that come back as the beginning of the next prompt of a conversation, unless the trace's ids say
// so.
#pragma once

#include <span>
#include <vector>

#include "sim/engine/memory_plan.hpp"
#include "sim/serving/serving_scenario.hpp"
#include "sim/serving/trace.hpp"

namespace moesim {

class PromptPrefixes {
 public:
  /// Nothing is shared.
  PromptPrefixes() = default;
  /// For a scenario with engine.prefix_caching. `trace` (empty: generated prompts) must outlive
  /// this. Throws InputError at `where` for what cannot be simulated with it and for a workload
  /// that says nothing about prefixes, and at the line of a trace for a number of ids that does not
  /// fit its prompt.
  PromptPrefixes(const ServingScenario& scenario, const MemoryPlan& memory,
                 const std::vector<TraceRequest>& trace, const Location& where);

  /// Tokens of a block; 0: nothing is shared.
  std::int64_t block_tokens() const { return block_tokens_; }
  /// Ids of the whole blocks of a prompt of `input` tokens.
  std::span<const std::int64_t> of(std::int64_t request, std::int64_t input) const;

 private:
  std::int64_t block_tokens_ = 0;
  const std::vector<TraceRequest>* trace_ = nullptr;
  std::vector<std::int64_t> common_;  ///< of every generated prompt
};

}  // namespace moesim
