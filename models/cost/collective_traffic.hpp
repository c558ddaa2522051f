// What the tables of collectives leave unsaid: how many bytes leave a rank. One place, so that
// importing and predicting cannot disagree. Uniform routing, as the benchmarks behind the tables
// draw it; a simulator that knows its routing counts bytes itself.
#pragma once

#include <algorithm>
#include <cstdint>

#include "models/cost/collective_profile.hpp"

namespace moesim {

/// Expected number of groups, out of `groups` with experts / groups experts each, that hold at
/// least one of `topk` different experts drawn uniformly (hypergeometric).
inline double distinct_groups(std::int64_t experts, std::int64_t topk, std::int64_t groups) {
  const double all = static_cast<double>(experts);
  const double elsewhere = all - all / static_cast<double>(groups);
  double none = 1;  // probability that a group holds none of them
  for (std::int64_t i = 0; i < topk; ++i) {
    const double taken = static_cast<double>(i);
    none *= std::max(0.0, elsewhere - taken) / (all - taken);
  }
  return static_cast<double>(groups) * (1 - none);
}

/// Share of the groups that are not the sender's own.
inline double elsewhere(std::int64_t groups) {
  return static_cast<double>(groups - 1) / static_cast<double>(groups);
}

/// DeepEP sends FP8 with one FP32 scale per 128 elements, and gets BF16 back
/// (https://github.com/deepseek-ai/DeepEP, README: "FP8 dispatching and BF16 combining").
inline double fp8_block_bytes(std::int64_t hidden) {
  return static_cast<double>(hidden) * (1 + 4.0 / 128);
}
inline double bf16_bytes(std::int64_t hidden) { return static_cast<double>(hidden) * 2; }

/// Blocks of threads that share the tokens of a low-latency kernel: one per expert, or per few
/// experts where there are more than SMs (DeepEP csrc/kernels/internode_ll.cu: num_warp_groups =
/// ceil(experts / SMs), num_sms = ceil(experts / num_warp_groups)). Few experts mean few blocks.
inline std::int64_t low_latency_blocks(std::int64_t experts, std::int64_t sms) {
  const auto up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  return up(experts, up(experts, sms));
}

/// Low-latency kernels: one copy per (token, expert), wherever the expert is.
inline double copies_per_expert(const TokenShape& shape, std::int64_t ranks) {
  return static_cast<double>(shape.topk) * elsewhere(ranks);
}

/// Normal kernels: inside a node one copy per rank; over nodes one copy per remote node. DeepEP's
/// benchmark lets a token reach at most four nodes (group-limited gating, tests/test_internode.py).
inline double copies_per_group(const TokenShape& shape, std::int64_t nodes, std::int64_t ranks) {
  if (nodes == 1) return distinct_groups(shape.experts, shape.topk, ranks) * elsewhere(ranks);
  constexpr std::int64_t reachable = 4;
  const auto reached = std::min(nodes, reachable);
  return distinct_groups(shape.experts * reached / nodes, shape.topk, reached) * elsewhere(nodes);
}

}  // namespace moesim
