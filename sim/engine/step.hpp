// One engine step as the executor sees it: what every data rank computes, and what it cost. A step
// of a lockstep group is a list of segments, each a stretch of computation and private
// communication, then (when other groups load the same links at the same time) a transfer that
// SimGrid lets contend.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/quantity.hpp"
#include "sim/engine/simulation.hpp"
#include "sim/platform/network.hpp"

namespace moesim {

/// A sequence's part of a step: `tokens` new ones after `context` cached ones.
struct Chunk {
  std::int64_t tokens = 0;
  std::int64_t context = 0;
  std::int64_t drafted = 0;   ///< of the new tokens, those that a draft proposed
  std::int64_t request = -1;  ///< whose they are, -1: nobody's
  bool decode() const { return tokens == 1 + drafted && context > 0; }
};

struct RankBatch {
  std::vector<Chunk> chunks;
  std::int64_t tokens = 0;   ///< sum over chunks
  std::int64_t sampled = 0;  ///< sequences that emit a token: rows of the LM head

  void add(const Chunk& chunk, bool emits) {
    chunks.push_back(chunk);
    tokens += chunk.tokens;
    sampled += emits ? 1 + chunk.drafted : 0;
  }
  void clear() {
    chunks.clear();
    tokens = sampled = 0;
  }
};

enum class Phase {
  attention,
  norms,
  router,
  dispatch,
  expert_load,
  experts,
  combine,
  shared_experts,
  dense_ffn,
  all_reduce,
  lm_head,
  pipeline,
  host,
  balance,  ///< expert weights on the move, and the decision about them
  rewire    ///< requests that optimise their routing
};
inline constexpr std::size_t kPhases = 15;
const std::vector<std::string>& names_of(Phase);
/// Dispatch, combine, all_reduce, pipeline and balance.
bool is_communication(Phase phase);

struct PhaseSpan {
  Phase phase = Phase::host;
  int stage = 0;
  int layer = -1;  ///< -1: not of a layer
  Seconds start;   ///< from the start of its stage, without contention
  Seconds duration;
};

/// What a transfer does on the clock beside others; nothing of it: it has its links to itself.
struct OnLinks {
  std::vector<LinkBytes> shared;  ///< on links that others use
  FlowList flows;                 ///< instead, every flow of it (fidelity `pairwise`)
  Seconds at_least{0};            ///< that the flows take
  double effective = 1;           ///< part of their bytes that the links see of them

  bool empty() const { return shared.empty() && flows.empty(); }
};

struct Segment {
  Seconds busy;
  OnLinks links;
  Seconds alone;  ///< time of that transfer when nobody else is there
};

enum class Queue { compute, communication, copy };
inline constexpr std::size_t kQueues = 3;

/// What ranks of a stage do, for executor `event` (step_program.hpp).
struct Activity {
  Phase phase = Phase::host;
  int layer = -1;  ///< -1: not of a layer
  Queue queue = Queue::compute;
  int first_rank = 0;
  int ranks = 1;
  std::vector<Seconds> own;  ///< [ranks] each for itself; empty: joint
  Seconds start_up, alone;   ///< joint: before the transfer, and the transfer undisturbed
  OnLinks links;             ///< joint
  // With two-batch overlap (two_batches.cpp): which half of the batch, and which of the stretches,
  // computation and communication in turn, that the layers of a half are.
  int half = 0, stretch = 0;

  bool joint() const { return own.empty(); }
};

struct StepProgram {
  int ranks = 0;
  std::vector<Activity> activities;
};

struct MoeStep {
  double imbalance_sum = 0, imbalance_max = 0;
  double distinct_sum = 0;
  std::int64_t layers = 0;
  std::int64_t rebalances = 0;
  double bytes_migrated = 0;
};

struct StepCost {
  std::vector<std::vector<Segment>> stages;  ///< [pipeline stage]
  /// [pipeline stage] one after the other; executor `event` only
  std::vector<std::vector<StepProgram>> programs;
  std::array<double, kPhases> phase_s{};
  double unmeasured_s = 0;  ///< time predicted outside the measured range
  Seconds launch{0};        ///< of the host, to start its kernels; of a CUDA graph none
  MoeStep moe;
  std::vector<PhaseSpan> spans;  ///< only when recording

  /// Time through all stages without contention.
  Seconds alone() const;
};

}  // namespace moesim
