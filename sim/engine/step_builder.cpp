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
      program_(shared.parts.programs),
      pending_(batches.size()) {
  for (const auto& batch : batches_) tokens_ += batch.tokens;
  cost_.stages.emplace_back(1);
  if (program_) {
    cost_.programs.emplace_back();
    start_program();
  }
}

void StepBuilder::run() {
  const auto& host = s_.parts.host;
  if (stage_index_ == 0 && !host.hidden) wait_for_host(around_step());
  const Seconds before_layers = clock_;
  compute_rank_times();
  std::int64_t moe_layer = stage_.first_moe;
  if (s_.offload != nullptr) s_.offload->start_step(batches_);
  const bool two = splits();
  if (two)
    overlapped_layers(moe_layer);
  else if (!stage_.alike.empty() && !record_)
    drawn_layers(moe_layer);
  else
    for (auto i = stage_.first_layer; i < stage_.last_layer; ++i)
      layer(static_cast<int>(i), moe_layer);
  const bool last = stage_.next_gpu.empty();
  if (last)
    for (std::size_t r = 0; r < batches_.size(); ++r)
      local(Phase::lm_head, -1, r, times_[r].lm_head);
  synchronise();
  if (last && s_.parts.draft_layers > 0) draft(moe_layer);
  if (host.launch + host.experts > Seconds(0) && !captured()) {
    const auto launch = launch_time() * (two ? 2.0 : 1.0);
    wait_for_host(launch - (clock_ - before_layers));
    cost_.launch += launch;
  }
  if (stage_index_ == 0 && host.hidden) wait_for_host(around_step() - clock_);
  if (!last) send_to_next_stage();
  if (s_.offload != nullptr) s_.offload->pass(clock_ - offload_seen_);
}

Seconds StepBuilder::around_step() const {
  std::size_t sequences = 0;
  for (const auto& batch : batches_) sequences = std::max(sequences, batch.chunks.size());
  const auto& host = s_.parts.host;
  return host.step + host.sequence * static_cast<double>(sequences);
}

void StepBuilder::wait_for_host(Seconds time) {
  if (time <= Seconds(0)) return;
  Time host;
  host.total = time;
  busy(Phase::host, -1, host);
}

Seconds StepBuilder::launch_time() const {
  const auto& parts = s_.parts;
  std::int64_t kernels = 0, experts = 0;
  for (auto i = stage_.first_layer; i < stage_.last_layer; ++i) {
    const bool moe = parts.model.layers[static_cast<std::size_t>(i)].moe;
    kernels += parts.host.piecewise
                   ? piecewise_launches(parts.model, parts.precision)
                   : layer_launches(parts.model, parts.precision, parts.layout.degrees(), moe);
    experts += moe && !parts.host.piecewise ? 1 : 0;
  }
  return parts.host.launch * static_cast<double>(kernels) +
         parts.host.experts * static_cast<double>(experts);
}

bool StepBuilder::captured() const {
  return std::ranges::all_of(batches_, [&](const RankBatch& batch) {
    return batch.tokens <= s_.parts.host.graph_max_batch &&
           std::ranges::all_of(batch.chunks, [](const Chunk& chunk) { return chunk.decode(); });
  });
}

void StepBuilder::pad() {
  rows_.clear();
  std::int64_t sequences = 0, tokens = 0;
  for (const auto& batch : batches_) {
    rows_.push_back(batch.tokens);
    sequences = std::max(sequences, std::ssize(batch.chunks));
    tokens = std::max(tokens, batch.tokens);
  }
  const auto& host = s_.parts.host;
  if (host.padding == 0 || tokens == 0 || !captured()) return;
  const auto graph = graph_size(sequences, host.padding, host.padding_up_to);
  const auto each = (tokens + sequences - 1) / sequences;  // with those that are verified
  std::ranges::fill(rows_, std::max(tokens, std::min(graph * each, host.graph_max_batch)));
}

void StepBuilder::compute_rank_times() {
  pad();
  for (std::size_t r = 0; r < batches_.size(); ++r) {
    std::optional<RankBatch> padded;
    if (rows_[r] != batches_[r].tokens) (padded = batches_[r])->tokens = rows_[r];
    const auto& batch = padded ? *padded : batches_[r];
    RankTimes times;
    for (const auto window : stage_.windows)
      times.attention[window] = s_.compute.attention(batch, window);
    times.norms = s_.compute.norms(batch);
    if (stage_.has_dense) times.dense = s_.compute.dense_ffn(batch);
    if (stage_.has_moe) {
      times.router = s_.compute.router(batch);
      times.shared = s_.compute.shared_experts(batch);
    }
    if (stage_.next_gpu.empty()) times.lm_head = s_.compute.lm_head(batch);
    times_.push_back(std::move(times));
  }
}

void StepBuilder::local(Phase phase, int layer, std::size_t rank, const Time& full_speed) {
  auto& pending = pending_[rank];
  const Time time{full_speed.total * slowdown(), full_speed.unmeasured * slowdown()};
  if (record_)
    pending.spans.push_back({phase, stage_index_, layer, clock_ + pending.total, time.total});
  if (program_)
    program_own(phase, layer, static_cast<int>(rank) * static_cast<int>(tensor()),
                std::vector<Seconds>(static_cast<std::size_t>(tensor()), time.total));
  pending.phase_s[at(phase)] += time.total.value;
  pending.total += time.total;
  pending.unmeasured += time.unmeasured;
}

void StepBuilder::synchronise() {
  auto slowest =
      std::ranges::max_element(pending_, {}, [](const Pending& p) { return p.total.value; });
  if (slowest->total > Seconds(0) && halves_) {
    auto& into = stretch(false);
    for (std::size_t p = 0; p < kPhases; ++p) into.phase_s[p] += slowest->phase_s[p];
    into.unmeasured_s += slowest->unmeasured.value;
    for (auto& span : slowest->spans) {
      span.start += into.time - clock_;
      into.spans.push_back(span);
    }
    into.time += slowest->total;
  } else if (slowest->total > Seconds(0)) {
    for (std::size_t p = 0; p < kPhases; ++p) cost_.phase_s[p] += slowest->phase_s[p];
    cost_.unmeasured_s += slowest->unmeasured.value;
    cost_.stages.back().back().busy += slowest->total;
    clock_ += slowest->total;
    if (record_)
      cost_.spans.insert(cost_.spans.end(), slowest->spans.begin(), slowest->spans.end());
  }
  for (auto& pending : pending_) {
    if (pending.total <= Seconds(0) && pending.spans.empty()) continue;
    pending.phase_s.fill(0);
    pending.total = pending.unmeasured = Seconds(0);
    pending.spans.clear();
  }
}

void StepBuilder::busy(Phase phase, int layer, const Time& time) {
  if (program_)
    program_own(phase, layer, 0,
                std::vector<Seconds>(static_cast<std::size_t>(cost_.programs.back().back().ranks),
                                     time.total));
  account(phase, layer, time);
}

void StepBuilder::account(Phase phase, int layer, const Time& time, bool communication) {
  if (halves_) {
    auto& into = stretch(communication);
    if (record_) into.spans.push_back({phase, stage_index_, layer, into.time, time.total});
    into.phase_s[at(phase)] += time.total.value;
    into.unmeasured_s += time.unmeasured.value;
    into.time += time.total;
    return;
  }
  if (record_) cost_.spans.push_back({phase, stage_index_, layer, clock_, time.total});
  cost_.phase_s[at(phase)] += time.total.value;
  cost_.unmeasured_s += time.unmeasured.value;
  cost_.stages.back().back().busy += time.total;
  clock_ += time.total;
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
