// Experts as StepBuilder runs them: all in GPU memory, or copied in when they are needed.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/engine/step_builder.hpp"

namespace moesim {

// What a layer waits for contends on links that other groups use too, its computation does not.
void StepBuilder::offloaded_experts(int index, std::int64_t moe_layer) {
  auto& offload = *s_.offload;
  offload.pass(clock_ - offload_seen_);
  std::vector<char> unmeasured(static_cast<std::size_t>(offload.ranks()), 0);
  const bool sent = stage_.exchange && !stage_.exchange->gathers();
  const auto times =
      offload.layer(moe_layer, [&](std::size_t rank, std::span<const std::int32_t> tokens) {
        auto work = expert_work(tokens);
        if (sent) work.tokens = entering_tokens(moe_layer, static_cast<std::int64_t>(rank), work);
        const auto prediction = s_.parts.cost.experts(work);
        if (!prediction.measured && prediction.time > Seconds(0)) unmeasured[rank] = 1;
        return prediction.time;
      });
  const auto slowest = std::ranges::max_element(
      times, {}, [](const auto& time) { return (time.stall + time.compute).value; });
  const auto waited_for = offload.waited_for(times);
  if (program_) program_offloaded(index, times, waited_for);
  Time stall, compute;
  stall.total = stall.unmeasured = slowest->stall;  // no measurement of this link
  compute.total = slowest->compute;
  if (unmeasured[static_cast<std::size_t>(slowest - times.begin())] != 0)
    compute.unmeasured = slowest->compute;
  if (slowest->stall > Seconds(0)) {
    account(Phase::expert_load, index, stall);
    share_wait(slowest->stall, waited_for);
  }
  account(Phase::experts, index, compute);
  offload_seen_ = clock_;
}

/// The latest stretch of the stage, all of it a wait, becomes a transfer over shared links.
void StepBuilder::share_wait(Seconds wait, std::span<const std::vector<LinkBytes>> loads) {
  std::vector<LinkBytes> all;
  for (const auto& of_rank : loads)
    for (const auto& load : of_rank) {
      const auto same = std::ranges::find(all, load.link, &LinkBytes::link);
      if (same == all.end()) {
        all.push_back(load);
        continue;
      }
      same->bytes += load.bytes;
      same->flows += load.flows;
    }
  if (all.empty()) return;
  auto& segments = cost_.stages.back();
  segments.back().busy -= wait;
  segments.back().links.shared = std::move(all);
  segments.back().alone = wait;
  segments.emplace_back();
}

ExpertWork StepBuilder::expert_work(std::span<const std::int32_t> tokens_per_expert) const {
  const auto& parts = s_.parts;
  const auto& moe = parts.model.moe;
  ExpertWork work;
  work.hidden = parts.model.hidden;
  work.intermediate = moe.intermediate / parts.layout.moe_tensor();
  work.gated = moe.gated;
  work.weight = parts.precision.experts;
  work.activation = parts.precision.activations;
  work.tokens = expert_tokens_;
  work.tokens_per_expert = tokens_per_expert;
  work.experts = moe.experts;
  work.topk = moe.top_k;
  return work;
}

// A token that is sent to its experts only enters a rank that has one of them. Where a balancer
// spreads this batch's rows over copies, every row is taken for a token of its own.
std::int64_t StepBuilder::entering_tokens(std::int64_t moe_layer, std::int64_t rank,
                                          const ExpertWork& work) const {
  const auto& probability =
      stage_.rank_probability[static_cast<std::size_t>(moe_layer - stage_.first_moe)];
  const auto rows = std::accumulate(work.tokens_per_expert.begin(), work.tokens_per_expert.end(),
                                    std::int64_t{0});
  if (!loads_.batch.copies.empty()) return std::min(rows, work.tokens);
  const auto expected =
      std::llround(static_cast<double>(work.tokens) * probability[static_cast<std::size_t>(rank)]);
  return std::clamp<std::int64_t>(expected, 0, rows);
}

void StepBuilder::run_experts(int index, std::int64_t moe_layer) {
  const auto& parts = s_.parts;
  const double passes = parts.moe.effect(moe_layer).expert_passes * slowdown();
  // Ranks that split experts run the same ones.
  const auto split = static_cast<std::size_t>(parts.layout.moe_tensor());
  std::vector<Seconds> own;
  Time slowest;
  for (std::int64_t rank = 0; rank < parts.moe.ranks(); ++rank) {
    Time time;
    auto work = expert_work(parts.moe.slots_of(moe_layer, rank, loads_));
    if (stage_.exchange && !stage_.exchange->gathers())
      work.tokens = entering_tokens(moe_layer, rank, work);
    time += parts.cost.experts(work);
    if (program_) own.insert(own.end(), split, time.total * passes);
    if (time.total > slowest.total) slowest = time;
  }
  slowest.total = slowest.total * passes;
  slowest.unmeasured = slowest.unmeasured * passes;
  if (program_) program_own(Phase::experts, index, 0, std::move(own));
  account(Phase::experts, index, slowest);
}

}  // namespace moesim
