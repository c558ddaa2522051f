#include "sim/engine/step_builder.hpp"

#include <algorithm>
#include <numeric>

#include "sim/engine/launches.hpp"

namespace moesim {
namespace {

std::size_t at(Phase phase) { return static_cast<std::size_t>(phase); }

}  // namespace

StepBuilder::StepBuilder(const Shared& shared, LockstepStage& stage, int stage_index,
                         std::span<const RankBatch> batches, std::uint64_t draw, bool record,
                         StepCost& cost)
    : s_(shared),
      stage_(stage),
      stage_index_(stage_index),
      batches_(batches),
      draw_(draw),
      record_(record),
      cost_(cost),
      pending_(batches.size()) {
  for (const auto& batch : batches_) tokens_ += batch.tokens;
  cost_.stages.emplace_back(1);
}

void StepBuilder::run() {
  const auto& host = s_.parts.host;
  if (stage_index_ == 0) wait_for_host(host.step);
  const Seconds before_layers = clock_;
  compute_rank_times();
  std::int64_t moe_layer = stage_.first_moe;
  if (s_.offload != nullptr) {
    const auto fresh = [](const Chunk& chunk) { return chunk.context == 0; };
    s_.offload->start_step(tokens_, std::ranges::any_of(batches_.front().chunks, fresh));
  }
  for (auto i = stage_.first_layer; i < stage_.last_layer; ++i)
    layer(static_cast<int>(i), moe_layer);
  const bool last = stage_.next_gpu.empty();
  if (last)
    for (std::size_t r = 0; r < batches_.size(); ++r)
      local(Phase::lm_head, -1, r, times_[r].lm_head);
  synchronise();
  if (last && s_.parts.draft_layers > 0) draft(moe_layer);
  if (host.launch > Seconds(0) && !captured())
    wait_for_host(host.launch * static_cast<double>(launched()) - (clock_ - before_layers));
  if (!last) send_to_next_stage();
  if (s_.offload != nullptr) s_.offload->pass(clock_ - offload_seen_);
}

void StepBuilder::wait_for_host(Seconds time) {
  if (time <= Seconds(0)) return;
  Time host;
  host.total = time;
  busy(Phase::host, -1, host);
}

std::int64_t StepBuilder::launched() const {
  const auto& parts = s_.parts;
  std::int64_t kernels = 0;
  for (auto i = stage_.first_layer; i < stage_.last_layer; ++i)
    kernels += layer_launches(parts.model, parts.precision, parts.layout.degrees(),
                              parts.model.layers[static_cast<std::size_t>(i)].moe);
  return kernels;
}

bool StepBuilder::captured() const {
  return std::ranges::all_of(batches_, [&](const RankBatch& batch) {
    return batch.tokens <= s_.parts.host.graph_max_batch &&
           std::ranges::all_of(batch.chunks, [](const Chunk& chunk) { return chunk.decode(); });
  });
}

void StepBuilder::compute_rank_times() {
  const auto& model = s_.parts.model;
  bool dense = false, moe = false;
  for (auto i = stage_.first_layer; i < stage_.last_layer; ++i)
    (model.layers[static_cast<std::size_t>(i)].moe ? moe : dense) = true;
  for (const auto& batch : batches_) {
    RankTimes times;
    for (auto i = stage_.first_layer; i < stage_.last_layer; ++i) {
      const auto window = model.layers[static_cast<std::size_t>(i)].window;
      if (!times.attention.contains(window))
        times.attention[window] = s_.compute.attention(batch, window);
    }
    times.norms = s_.compute.norms(batch);
    if (dense) times.dense = s_.compute.dense_ffn(batch);
    if (moe) {
      times.router = s_.compute.router(batch);
      times.shared = s_.compute.shared_experts(batch);
    }
    if (stage_.next_gpu.empty()) times.lm_head = s_.compute.lm_head(batch);
    times_.push_back(std::move(times));
  }
}

void StepBuilder::exchange(Phase phase, int layer, std::int64_t moe_layer) {
  synchronise();
  const auto& parts = s_.parts;
  std::vector<double>
      tokens;  // of every rank: a data rank's tokens are split over its tensor ranks
  for (const auto& batch : batches_)
    for (std::int64_t t = 0; t < tensor(); ++t)
      tokens.push_back(static_cast<double>(batch.tokens) / static_cast<double>(tensor()));
  const auto local_layer = static_cast<std::size_t>(moe_layer - stage_.first_moe);
  const auto dtype = phase == Phase::dispatch
                         ? dispatch_dtype()
                         : parts.transport.combine_dtype.value_or(parts.precision.activations);
  const ExchangeLoad load{
      tokens, loads_.per_rank, stage_.rank_probability[local_layer],
      stage_.node_probability[local_layer],
      bytes(1, dtype) * (phase == Phase::dispatch ? loads_.batch.travelling : 1)};
  stage_.scratch->clear();
  const bool there = phase == Phase::dispatch;
  auto& transfer = *stage_.scratch;
  if (there)
    stage_.exchange->dispatch(load, transfer);
  else
    stage_.exchange->combine(load, transfer);
  double busiest = 0;  // inside a node: what the busiest rank sends or receives
  for (const int link : transfer.loads.touched())
    busiest = std::max(busiest, transfer.loads.bytes(link));
  const auto& moe = parts.model.moe;
  take_measured(there ? stage_.exchange->measured_dispatch() : stage_.exchange->measured_combine(),
                *stage_.expert_group, busiest, *std::ranges::max_element(tokens),
                {parts.model.hidden, moe.top_k, moe.experts});
  communicate(phase, layer);
}

void StepBuilder::tensor_collective(Phase phase, int layer,
                                    void (*collective)(const Network&, const Group&, double,
                                                       Transfer&)) {
  if (tensor() == 1) return;
  synchronise();
  auto& transfer = *stage_.scratch;
  transfer.clear();
  Seconds latency(0);
  for (std::size_t r = 0; r < batches_.size();
       ++r) {  // at the same time, each data rank on its own GPUs
    transfer.latency = Seconds(0);
    const auto& group = stage_.tensor_groups[r];
    const double buffer = bytes(batches_[r].tokens, s_.parts.precision.activations);
    collective(s_.parts.network, group, buffer, transfer);
    latency = std::max(latency, transfer.latency);
    const bool reduces = collective == all_reduce;
    const double passes = reduces ? 2 : 1, ranks = group.size();
    take_measured(reduces ? "all_reduce" : "all_gather", group,
                  passes * (ranks - 1) / ranks * buffer);
  }
  transfer.latency = latency;
  communicate(phase, layer);
}

void StepBuilder::send_to_next_stage() {
  auto& transfer = *stage_.scratch;
  transfer.clear();
  Seconds latency(0);
  for (std::size_t r = 0; r < batches_.size(); ++r) {
    for (std::int64_t t = 0; t < tensor(); ++t) {  // every tensor rank sends its share
      transfer.latency = Seconds(0);
      send_recv(
          s_.parts.network, stage_.first_gpu[r] + static_cast<int>(t),
          stage_.next_gpu[r] + static_cast<int>(t),
          bytes(batches_[r].tokens, s_.parts.precision.activations) / static_cast<double>(tensor()),
          transfer);
      latency = std::max(latency, transfer.latency);
    }
  }
  transfer.latency = latency;
  communicate(Phase::pipeline, -1);
}

void StepBuilder::local(Phase phase, int layer, std::size_t rank, const Time& time) {
  auto& pending = pending_[rank];
  if (record_)
    pending.spans.push_back({phase, stage_index_, layer, clock_ + pending.total, time.total});
  pending.phase_s[at(phase)] += time.total.value;
  pending.total += time.total;
  pending.unmeasured += time.unmeasured;
}

void StepBuilder::synchronise() {
  auto slowest =
      std::ranges::max_element(pending_, {}, [](const Pending& p) { return p.total.value; });
  if (slowest->total > Seconds(0)) {
    for (std::size_t p = 0; p < kPhases; ++p) cost_.phase_s[p] += slowest->phase_s[p];
    cost_.unmeasured_s += slowest->unmeasured.value;
    cost_.stages.back().back().busy += slowest->total;
    clock_ += slowest->total;
    if (record_)
      cost_.spans.insert(cost_.spans.end(), slowest->spans.begin(), slowest->spans.end());
  }
  for (auto& pending : pending_) pending = {};
}

void StepBuilder::busy(Phase phase, int layer, const Time& time) {
  if (record_) cost_.spans.push_back({phase, stage_index_, layer, clock_, time.total});
  cost_.phase_s[at(phase)] += time.total.value;
  cost_.unmeasured_s += time.unmeasured.value;
  cost_.stages.back().back().busy += time.total;
  clock_ += time.total;
}

void StepBuilder::take_measured(std::string_view operation, const Group& group, double bytes,
                                double tokens, const TokenShape& shape) {
  if (s_.parts.measured == nullptr || bytes <= 0) return;
  const auto known = s_.parts.measured->time(operation, group, bytes, tokens, shape);
  if (!known) return;
  auto& transfer = *stage_.scratch;
  transfer.trusted = known->measured && (!transfer.measured || transfer.trusted);
  transfer.measured = std::max(transfer.measured.value_or(Seconds(0)), known->time);
}

void StepBuilder::communicate(Phase phase, int layer) {
  const auto& transfer = *stage_.scratch;
  const Seconds alone = transfer.alone(s_.parts.network);
  s_.totals.payload_bytes += transfer.payload_bytes;
  std::vector<LinkBytes> shared;
  for (const int link : transfer.loads.touched()) {
    s_.totals.link_bytes[static_cast<std::size_t>(link)] += transfer.loads.bytes(link);
    if (s_.shared_links[static_cast<std::size_t>(link)] != 0)
      shared.push_back({link, transfer.loads.bytes(link)});
  }
  Time time;
  time.total = alone;
  // The node profile's figures are no fit of this collective.
  time.unmeasured = transfer.trusted ? Seconds(0) : alone;
  auto& segments = cost_.stages.back();
  if (shared.empty()) return busy(phase, layer, time);
  if (record_) cost_.spans.push_back({phase, stage_index_, layer, clock_, alone});
  cost_.phase_s[at(phase)] += alone.value;
  cost_.unmeasured_s += time.unmeasured.value;
  clock_ += alone;
  const auto start = std::min(transfer.latency, alone);
  segments.back().busy += start;
  segments.back().shared = std::move(shared);
  segments.back().shared_alone = alone - start;
  segments.emplace_back();
}

Dtype StepBuilder::dispatch_dtype() const {
  const auto& precision = s_.parts.precision;
  return s_.parts.transport.dispatch_dtype.value_or(
      precision.experts == Dtype::fp8 ? Dtype::fp8 : precision.activations);
}

// FP8 tokens travel with one fp32 scale per 128 values, as in DeepEP.
double StepBuilder::bytes(std::int64_t tokens, Dtype dtype) const {
  const double scales = dtype == Dtype::fp8 ? 1 + 4.0 / 128 : 1;
  return static_cast<double>(tokens * s_.parts.model.hidden) * element_bits(dtype) / 8 * scales;
}

}  // namespace moesim
