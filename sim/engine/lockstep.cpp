#include "sim/engine/lockstep.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/engine/step_builder.hpp"

namespace moesim {

const std::vector<std::string>& names_of(Fidelity) {
  static const std::vector<std::string> names = {"analytic", "aggregate", "pairwise"};
  return names;
}

const std::vector<std::string>& names_of(CollectiveTimes) {
  static const std::vector<std::string> names = {"links", "measured"};
  return names;
}

const Parameters<NetworkConfig>& NetworkConfig::parameters() {
  static const auto list =
      Parameters<NetworkConfig>()
          .optional("fidelity", &NetworkConfig::fidelity,
                    "analytic: no contention between groups; aggregate: links "
                    "that several groups load are "
                    "simulated as flows; pairwise: every flow on its path, for "
                    "small systems")
          .optional("collectives", &NetworkConfig::collectives,
                    "time of a collective inside a node with its links to "
                    "itself; links: start-up plus the busiest link; measured: "
                    "the measured curve where the device has one for this "
                    "operation and number of ranks, else links")
          .optional("transport", &NetworkConfig::transport,
                    "which paths traffic between nodes takes through "
                    "cluster.fabric")
          .optional("dispatch", &NetworkConfig::dispatch,
                    "how tokens travel to their experts and back")
          .optional("dispatch_dtype", &NetworkConfig::dispatch_dtype,
                    "number format of dispatched tokens (default: fp8 when "
                    "the experts are fp8, else activations)")
          .optional("combine_dtype", &NetworkConfig::combine_dtype,
                    "number format of combined tokens (default: activations)");
  return list;
}

LockstepExecutor::LockstepExecutor(const EngineParts& parts, std::int64_t group, Totals& totals)
    : parts_(parts),
      group_(static_cast<std::uint64_t>(group)),
      totals_(totals),
      compute_(parts.model, parts.precision, parts.layout, parts.cost),
      shared_(parts.network.links().size(), 0) {
  for (std::int64_t s = 0; s < parts.layout.degrees().pipeline; ++s)
    stages_.push_back(make_stage(parts, group, s));
}

LockstepExecutor::~LockstepExecutor() = default;
LockstepExecutor::LockstepExecutor(LockstepExecutor&&) noexcept = default;

void LockstepExecutor::run_stage(std::size_t stage, std::span<const RankBatch> batches,
                                 std::uint64_t step, bool record, const Migration& migration,
                                 StepCost& cost) {
  const auto groups = static_cast<std::uint64_t>(parts_.layout.groups());
  StepBuilder builder({parts_, compute_, shared_, totals_, offload_.get()}, stages_[stage],
                      static_cast<int>(stage), batches, step * groups + group_, record, cost);
  if (stage == 0) builder.migrate(migration);
  builder.run();
}

Seconds LockstepExecutor::swap_in(Bytes bytes, BytesPerSecond bandwidth) {
  return offload_ ? offload_->swap_in(bytes, bandwidth) : bytes / bandwidth;
}

StepCost LockstepExecutor::cost(std::span<const RankBatch> batches, std::uint64_t step,
                                bool record) {
  const auto migration = parts_.moe.advance(static_cast<std::int64_t>(step), group_);
  if (!migration.moves.empty())
    for (auto& stage : stages_) update_probabilities(parts_, stage);
  StepCost cost;
  for (std::size_t s = 0; s < stages_.size(); ++s)
    run_stage(s, batches, step, record, migration, cost);
  if (parts_.moe.layers() > 0 && parts_.moe.effect(0).pause_every_tokens > 0)
    add_pauses(batches, step, cost);
  return cost;
}

// A request stops on its prompt and every so many tokens; in a batch that makes a mean number of
// pauses per step. One costs forward passes over a sequence of mean length, on its own rank, while
// the group waits.
void LockstepExecutor::add_pauses(std::span<const RankBatch> batches, std::uint64_t step,
                                  StepCost& cost) {
  const auto& effect = parts_.moe.effect(0);
  double due = 0, context = 0, sequences = 0;
  for (const auto& batch : batches)
    for (const auto& chunk : batch.chunks) {
      due += chunk.decode() ? 1 / effect.pause_every_tokens : 1;
      context += static_cast<double>(chunk.context + chunk.tokens);
      ++sequences;
    }
  pauses_ += due;
  const double now = std::floor(pauses_);
  if (now < 1 || sequences < 1) return;
  pauses_ -= now;
  std::vector<RankBatch> pass(batches.size());
  pass.front().add({std::max<std::int64_t>(1, std::llround(context / sequences)), 0}, false);
  StepCost one;
  parts_.moe.observe(false);
  const Totals before = totals_;
  for (std::size_t s = 0; s < stages_.size(); ++s) run_stage(s, pass, step, false, {}, one);
  totals_ = before;
  parts_.moe.observe(true);
  const Seconds time = one.alone() * (now * effect.pause_passes);
  cost.phase_s[static_cast<std::size_t>(Phase::rewire)] += time.value;
  cost.stages.front().front().busy += time;
  if (!cost.programs.empty()) {
    auto& program = cost.programs.front().back();
    Activity pause{Phase::rewire, -1, Queue::compute, 0, program.ranks, {}, {}, {}, {}};
    pause.own.assign(static_cast<std::size_t>(program.ranks), time);
    program.activities.push_back(std::move(pause));
  }
}

void LockstepExecutor::share(const std::vector<char>& shared) {
  shared_ = shared;
  const bool any = std::ranges::find(shared, 1) != shared.end();
  for (auto& stage : stages_) stage.flows = any ? stage_flows(parts_, stage) : nullptr;
}

std::vector<std::vector<int>> LockstepExecutor::links_by_stage() {
  // A step with one token everywhere touches every link that any step touches. It must leave no
  // trace in the totals.
  const Totals before = totals_;
  parts_.moe.observe(false);
  std::vector<RankBatch> probe(static_cast<std::size_t>(parts_.layout.data_per_group()));
  for (auto& batch : probe) batch.add({1, 1}, true);
  std::vector<std::vector<int>> links;
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    std::ranges::fill(totals_.link_bytes, 0.0);
    StepCost ignored;
    run_stage(s, probe, 0, false, {}, ignored);
    std::vector<int> used;
    for (std::size_t l = 0; l < totals_.link_bytes.size(); ++l)
      if (totals_.link_bytes[l] > 0) used.push_back(static_cast<int>(l));
    links.push_back(std::move(used));
  }
  totals_ = before;
  parts_.moe.observe(true);
  return links;
}

}  // namespace moesim
