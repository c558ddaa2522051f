// The blocks of a layer as StepBuilder runs them: attention, dense feed-forward, routed experts
// with what the router and the balancer change about them.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/architecture/size.hpp"
#include "sim/engine/step_builder.hpp"

namespace moesim {
namespace {

/// A share of a batch: as many fewer decoding sequences, prefill chunks with as many fewer tokens.
RankBatch part_of(const RankBatch& batch, double share, std::uint64_t draw) {
  RankBatch part;
  double kept = static_cast<double>(draw % 97) / 97;  // not always the same sequences
  for (const auto& chunk : batch.chunks) {
    if (chunk.decode()) {
      const double before = std::floor(kept);
      kept += share;
      if (std::floor(kept) > before) part.add(chunk, false);
    } else if (const auto tokens = std::llround(static_cast<double>(chunk.tokens) * share);
               tokens > 0) {
      part.add({tokens, chunk.context}, false);
    }
  }
  return part;
}

}  // namespace

void StepBuilder::layer(int index, std::int64_t& moe_layer) {
  if (s_.parts.host.layer > Seconds(0)) {
    synchronise();
    wait_for_host(s_.parts.host.layer);
  }
  if (!s_.parts.model.layers[static_cast<std::size_t>(index)].moe) {
    attention_block(index);
    return dense_block(index);
  }
  const auto& effect = s_.parts.moe.effect(moe_layer);
  if (effect.layer_share < 1) {
    partial_layer(index, moe_layer, effect.layer_share);
  } else {
    attention_block(index);
    moe_block(index, moe_layer);
  }
  if (effect.repeat_share > 0) partial_layer(index, moe_layer, effect.repeat_share);
  ++moe_layer;
}

void StepBuilder::partial_layer(int index, std::int64_t moe_layer, double share) {
  std::vector<RankBatch> parts;
  for (const auto& batch : batches_)
    parts.push_back(part_of(batch, share, draw_ + static_cast<std::uint64_t>(index)));
  with_batches(std::move(parts), [&] {
    attention_block(index);
    moe_block(index, moe_layer);
  });
}

// Proposed tokens one after the other, each by the draft's layers and the LM head; the first pass
// also takes the prompt's tokens in.
void StepBuilder::draft(std::int64_t moe_layer) {
  std::int64_t drafted = 0;
  for (const auto& batch : batches_)
    for (const auto& chunk : batch.chunks) drafted = std::max(drafted, chunk.drafted);
  const auto index = static_cast<int>(stage_.last_layer - 1);
  const bool moe = s_.parts.model.layers[static_cast<std::size_t>(index)].moe;
  for (std::int64_t pass = 0; pass < drafted; ++pass) {
    std::vector<RankBatch> proposed(batches_.size());
    for (std::size_t r = 0; r < batches_.size(); ++r)
      for (const auto& chunk : batches_[r].chunks)
        if (chunk.decode())
          proposed[r].add({1, chunk.context + pass}, true);
        else if (pass == 0)
          proposed[r].add({chunk.tokens, chunk.context}, false);
    with_batches(std::move(proposed), [&] {
      for (std::int64_t layer = 0; layer < s_.parts.draft_layers; ++layer) {
        attention_block(index);
        if (moe)
          moe_block(index, moe_layer - 1);
        else
          dense_block(index);
      }
      for (std::size_t r = 0; r < batches_.size(); ++r)
        local(Phase::lm_head, -1, r, times_[r].lm_head);
      synchronise();
    });
  }
}

void StepBuilder::attention_block(int index) {
  const auto window = s_.parts.model.layers[static_cast<std::size_t>(index)].window;
  for (std::size_t r = 0; r < batches_.size(); ++r) {
    local(Phase::norms, index, r, times_[r].norms);
    local(Phase::attention, index, r, times_[r].attention[window]);
  }
  tensor_collective(Phase::all_reduce, index, all_reduce);
}

void StepBuilder::dense_block(int index) {
  for (std::size_t r = 0; r < batches_.size(); ++r)
    local(Phase::dense_ffn, index, r, times_[r].dense);
  tensor_collective(Phase::all_reduce, index, all_reduce);
}

void StepBuilder::moe_block(int index, std::int64_t moe_layer) {
  const auto& effect = s_.parts.moe.effect(moe_layer);
  expert_tokens_ = effect.expert_share < 1
                       ? std::llround(static_cast<double>(tokens_) * effect.expert_share)
                       : tokens_;
  for (std::size_t r = 0; r < batches_.size(); ++r)
    local(Phase::router, index, r, times_[r].router);
  if (effect.small_share > 0) {
    const auto width =
        std::llround(static_cast<double>(s_.parts.model.moe.intermediate) * effect.small_width);
    for (std::size_t r = 0; r < batches_.size(); ++r) {
      const auto tokens =
          std::llround(static_cast<double>(batches_[r].tokens) * effect.small_share);
      local(Phase::experts, index, r, s_.compute.small_feed_forward(tokens, width));
    }
  }
  for (std::int64_t round = 0; round < effect.rounds; ++round)
    expert_round(index, moe_layer, round);
}

void StepBuilder::expert_round(int index, std::int64_t moe_layer, std::int64_t round) {
  const auto rounds = static_cast<std::uint64_t>(s_.parts.moe.effect(moe_layer).rounds);
  if (s_.offload != nullptr)
    s_.offload->loads(moe_layer, loads_);
  else
    s_.parts.moe.draw(moe_layer, expert_tokens_, draw_ * rounds + static_cast<std::uint64_t>(round),
                      loads_);
  count(moe_layer);
  balance_batch(index);
  if (stage_.exchange) {
    synchronise();
    exchange(Phase::dispatch, index, moe_layer);
  }
  synchronise();
  if (s_.offload != nullptr)
    offloaded_experts(index, moe_layer);
  else
    run_experts(index, moe_layer);
  // Of a half of the batch, they run while its tokens come back (SGLang's order in prefill,
  // _compute_moe_deepseek_blog_prefill in operations_strategy.py, v0.4.6 on).
  const bool shared_last = halves_ && stage_.exchange;
  if (round == 0 && !shared_last) shared_experts(index);
  if (!stage_.exchange) {
    // Sums over expert- and tensor-parallel ranks, shared experts included, in one all-reduce.
    const bool spread = s_.parts.layout.degrees().expert > 1;
    tensor_collective(spread ? Phase::combine : Phase::all_reduce, index, all_reduce);
    return;
  }
  exchange(Phase::combine, index, moe_layer);
  tensor_collective(Phase::combine, index, all_gather);
  if (round == 0 && shared_last) shared_experts(index);
}

void StepBuilder::shared_experts(int index) {
  for (std::size_t r = 0; r < batches_.size(); ++r)
    if (times_[r].shared.total > Seconds(0))
      local(Phase::shared_experts, index, r, times_[r].shared);
}

/// What the balancer decided for this batch: its own time, and weights that are copied first.
void StepBuilder::balance_batch(int index) {
  const auto& batch = loads_.batch;
  if (batch.host > Seconds(0)) {
    synchronise();
    Time host;
    host.total = batch.host;
    busy(Phase::balance, index, host);
  }
  if (batch.copies.empty()) return;
  Seconds hidden(0);
  if (batch.copies_under_attention)
    for (const auto& times : times_)
      for (const auto& [window, time] : times.attention) hidden = std::max(hidden, time.total);
  synchronise();
  const auto alone = move_weights(batch.copies);
  if (alone <= hidden) {
    s_.totals.payload_bytes += stage_.scratch->payload_bytes;
    for (const int link : stage_.scratch->loads.touched())
      s_.totals.link_bytes[static_cast<std::size_t>(link)] += stage_.scratch->loads.bytes(link);
    return;
  }
  if (hidden > Seconds(0)) {
    stage_.scratch->measured = alone - hidden;
    stage_.scratch->trusted = false;
  }
  communicate(Phase::balance, index);
}

void StepBuilder::migrate(const Migration& migration) {
  cost_.moe.rebalances += migration.rebalances;
  if (migration.moves.empty()) return;
  move_weights(migration.moves);
  communicate(Phase::balance, -1);
}

/// Loads the scratch transfer with the moves of this group; its time with the links to itself.
Seconds StepBuilder::move_weights(std::span<const ExpertMove> moves) {
  const auto& parts = s_.parts;
  auto& transfer = *stage_.scratch;
  transfer.clear();
  const auto split = parts.layout.moe_tensor();
  const double bytes =
      expert_bytes(parts.model, parts.precision).value / static_cast<double>(split);
  const auto& gpus =
      stage_.exchange ? stage_.expert_group->gpus() : stage_.tensor_groups.front().gpus();
  transfer.flow_bytes = bytes;
  std::vector<Flow> messages;
  for (const auto& move : moves)
    for (std::int64_t i = 0; i < split; ++i) {
      messages.push_back({gpus[static_cast<std::size_t>(move.from * split + i)],
                          gpus[static_cast<std::size_t>(move.to * split + i)], bytes});
      cost_.moe.bytes_migrated += bytes;
    }
  send_together(parts.network, messages, transfer);
  return transfer.alone(parts.network);
}

void StepBuilder::count(std::int64_t moe_layer) {
  const double most = *std::ranges::max_element(loads_.per_rank);
  const double sum = std::accumulate(loads_.per_rank.begin(), loads_.per_rank.end(), 0.0);
  const double imbalance = sum > 0 ? most * static_cast<double>(loads_.per_rank.size()) / sum : 1;
  cost_.moe.imbalance_sum += imbalance;
  cost_.moe.imbalance_max = std::max(cost_.moe.imbalance_max, imbalance);
  cost_.moe.distinct_sum += static_cast<double>(loads_.distinct);
  ++cost_.moe.layers;
  // A pool that layers share has more experts than a layer of the model.
  auto& total = s_.totals.expert_tokens[static_cast<std::size_t>(moe_layer)];
  for (std::size_t first = 0; first < loads_.per_expert.size(); first += total.size()) {
    const auto here = std::min(total.size(), loads_.per_expert.size() - first);
    for (std::size_t e = 0; e < here; ++e) total[e] += weight_ * loads_.per_expert[first + e];
  }
}

}  // namespace moesim
