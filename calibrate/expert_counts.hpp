// How many tokens each local expert of the busiest rank got when a table was measured, rebuilt from
// what the table says: number of tokens, experts, top-k, expert parallelism and the name of the
// distribution. The measuring programs drew them at random and kept only the name, so a rebuilt
// skewed row has the right distribution but not the same draw; that noise is part of every error
// reported for skewed rows. Source: the collector of aiconfigurator (Apache-2.0),
// collector/helper.py: balanced_logits and power_law_logits_v3.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace moesim {

/// Tokens of every local expert on the rank with the most tokens. `distribution` is "balanced" or
/// "power_law_ALPHA" with ALPHA other than 1. Empty when the name is another. `group_limited`: the
/// router was that of DeepSeek-V3 (4 of 8 groups), which changes what "balanced" is.
std::vector<std::int32_t> rebuild_counts(std::int64_t tokens, std::int64_t experts,
                                         std::int64_t topk, std::int64_t expert_parallel,
                                         const std::string& distribution,
                                         bool group_limited = false);

}  // namespace moesim
