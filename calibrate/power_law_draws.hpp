// The tokens per expert that a measuring program drew for a skewed row of its table. A row names
// the law, not the draw, and is the mean time of five draws; what can be known of it are the counts
// that the program draws with other random numbers. Unlike rebuild_counts(), which stands for all
// draws with one vector, this keeps their spread. Source: aiconfigurator (Apache-2.0),
// collector/helper.py at 006afd78, _generate_power_law_distribution, and the five draws of
// collector/{trtllm,vllm,sglang}/collect_moe.py, read 2026-11-23. What rounding leaves over goes to
// each rank's least loaded expert in turn; an earlier version gave it to the most loaded ones,
// which leaves up to half as many experts without a token as the times of small batches imply.
#pragma once

#include <cstdint>
#include <vector>

namespace moesim {

constexpr int kDrawsPerMeasuredRow = 5;

struct PowerLaw {
  std::int64_t tokens = 0, experts = 0, topk = 0, expert_parallel = 1;
  double alpha = 0;            ///< exponent, positive and not 1
  bool group_limited = false;  ///< DeepSeek-V3's router: 4 of 8 groups, each by its best two scores
};

/// Tokens of every local expert on the rank with the most tokens, draw number `draw`.
std::vector<std::int32_t> draw_counts(const PowerLaw& law, std::uint64_t draw);

}  // namespace moesim
