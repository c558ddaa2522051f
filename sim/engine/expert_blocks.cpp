// Experts as StepBuilder runs them: all in GPU memory, or copied in when they are needed.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/engine/step_builder.hpp"

namespace moesim {

// What the layer waits for contends on a link that other GPUs use too, its computation does not.
void StepBuilder::offloaded_experts(int index, std::int64_t moe_layer) {
  auto& offload = *s_.offload;
  offload.pass(clock_ - offload_seen_);
  Time unmeasured;
  const auto time = offload.layer(moe_layer, [&](std::span<const std::int32_t> tokens) {
    const auto prediction = s_.parts.cost.experts(expert_work(tokens));
    unmeasured += prediction;
    return prediction.time;
  });
  Time stall, compute;
  stall.total = stall.unmeasured = time.stall;  // no measurement of this link
  compute.total = time.compute;
  if (unmeasured.unmeasured > Seconds(0)) compute.unmeasured = time.compute;
  if (time.stall > Seconds(0)) {
    busy(Phase::expert_load, index, stall);
    if (offload.shared_link >= 0) {
      if (program_) {
        auto& copy = cost_.programs.back().back().activities.back();
        copy.own.clear();
        copy.alone = time.stall;
        copy.links.shared = {{offload.shared_link, (time.stall * offload.link_bandwidth).value}};
      }
      auto& segments = cost_.stages.back();
      segments.back().busy -= time.stall;
      segments.back().links.shared = {
          {offload.shared_link, (time.stall * offload.link_bandwidth).value}};
      segments.back().alone = time.stall;
      segments.emplace_back();
    }
  }
  busy(Phase::experts, index, compute);
  offload_seen_ = clock_;
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
