// The communication of a stage as StepBuilder sends it: dispatch and combine, tensor collectives,
// activations to the next stage.
#include <algorithm>
#include <utility>

#include "sim/engine/step_builder.hpp"

namespace moesim {

void StepBuilder::exchange(Phase phase, int layer, std::int64_t moe_layer) {
  synchronise();
  const auto& parts = s_.parts;
  auto& tokens = exchanged_;  // of every rank: a data rank's tokens are split over its tensor ranks
  tokens.clear();
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
  if (stage_.flows) transfer.flows = &stage_.flows->exchange.loads;
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

void StepBuilder::tensor_collective(Phase phase, int layer, TensorCollective collective) {
  if (tensor() == 1) return;
  synchronise();
  if (program_) program_tensor_collective(phase, layer, collective);
  std::swap(stage_.scratch, stage_.collective);
  if (loaded_ != collective) joint_tensor_transfer(collective);
  loaded_ = collective;
  communicate(phase, layer, false);
  std::swap(stage_.scratch, stage_.collective);
}

/// Data ranks at the same time, each on its own GPUs.
void StepBuilder::joint_tensor_transfer(TensorCollective collective) {
  auto& transfer = *stage_.scratch;
  transfer.clear();
  if (stage_.flows) transfer.flows = &stage_.flows->tensor.loads;
  Seconds latency(0);
  for (std::size_t r = 0; r < batches_.size(); ++r) {
    transfer.latency = Seconds(0);
    add_tensor_transfer(r, collective);
    latency = std::max(latency, transfer.latency);
  }
  transfer.latency = latency;
}

void StepBuilder::add_tensor_transfer(std::size_t rank, TensorCollective collective) {
  const auto& group = stage_.tensor_groups[rank];
  const double buffer = bytes(rows_[rank], s_.parts.precision.activations);
  collective(s_.parts.network, group, buffer, *stage_.scratch);
  const bool reduces = collective == all_reduce;
  const double passes = reduces ? 2 : 1, ranks = group.size();
  take_measured(reduces ? "all_reduce" : "all_gather", group,
                passes * (ranks - 1) / ranks * buffer);
}

void StepBuilder::send_to_next_stage() {
  auto& transfer = *stage_.scratch;
  transfer.clear();
  if (stage_.flows) transfer.flows = &stage_.flows->pipeline.loads;
  std::vector<Flow> messages;
  for (std::size_t r = 0; r < batches_.size(); ++r)
    for (int t = 0; t < static_cast<int>(tensor()); ++t)  // every tensor rank sends its share
      messages.push_back({stage_.first_gpu[r] + t, stage_.next_gpu[r] + t,
                          bytes(batches_[r].tokens, s_.parts.precision.activations) /
                              static_cast<double>(tensor())});
  send_together(s_.parts.network, messages, transfer);
  communicate(Phase::pipeline, -1);
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

OnLinks StepBuilder::on_links() const {
  OnLinks links;
  const auto& transfer = *stage_.scratch;
  if (transfer.listed) return flows_of(transfer);
  for (const int link : transfer.loads.touched())
    if (s_.shared_links[static_cast<std::size_t>(link)] != 0)
      links.shared.push_back({link, transfer.loads.bytes(link), transfer.flows_on(link)});
  return links;
}

// A measured time says what the operation reaches of its links: where that is more than they are
// said to carry, they see as much less of its flows.
OnLinks StepBuilder::flows_of(const Transfer& transfer) const {
  OnLinks links;
  links.flows = transfer.list;
  if (!transfer.measured) return links;
  links.at_least = std::max(*transfer.measured - transfer.latency, Seconds(0));
  const auto bound = link_bound(transfer.loads, s_.parts.network.links());
  if (bound <= links.at_least) return links;
  links.effective = links.at_least / bound;
  return links;
}

void StepBuilder::communicate(Phase phase, int layer) { communicate(phase, layer, program_); }

void StepBuilder::communicate(Phase phase, int layer, bool program) {
  const auto& transfer = *stage_.scratch;
  const Seconds alone = transfer.alone(s_.parts.network);
  s_.totals.payload_bytes += weight_ * transfer.payload_bytes;
  for (const int link : transfer.loads.touched())
    if (!transfer.listed)  // else where its flows go is counted when they go there
      s_.totals.link_bytes[static_cast<std::size_t>(link)] += weight_ * transfer.loads.bytes(link);
  auto links = on_links();
  if (program)
    program_joint(phase, layer, 0, cost_.programs.back().back().ranks, transfer.latency, alone,
                  links);
  Time time;
  time.total = alone;
  // The node profile's figures are no fit of this collective.
  time.unmeasured = transfer.trusted ? Seconds(0) : alone;
  auto& segments = cost_.stages.back();
  if (halves_) {
    account(phase, layer, time, true);
    auto& into = halves_->stretches.back();
    into.start_up = std::min(transfer.latency, alone);
    into.links = std::move(links);
    return;
  }
  if (links.empty()) return account(phase, layer, time);
  if (record_) cost_.spans.push_back({phase, stage_index_, layer, clock_, alone});
  cost_.phase_s[static_cast<std::size_t>(phase)] += alone.value;
  cost_.unmeasured_s += time.unmeasured.value;
  clock_ += alone;
  const auto start = std::min(transfer.latency, alone);
  segments.back().busy += start;
  segments.back().links = std::move(links);
  segments.back().alone = alone - start;
  segments.emplace_back();
}

}  // namespace moesim
