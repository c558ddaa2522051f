// What StepBuilder writes down for executor `event`, beside the sums of lockstep.
#include <algorithm>

#include "sim/engine/step_builder.hpp"

namespace moesim {

void StepBuilder::program_own(Phase phase, int layer, int first_rank, std::vector<Seconds> times) {
  if (std::ranges::all_of(times, [](Seconds t) { return t <= Seconds(0); })) return;
  const auto queue = phase == Phase::expert_load ? Queue::copy : Queue::compute;
  const auto ranks = static_cast<int>(times.size());
  add_activity({phase, layer, queue, first_rank, ranks, std::move(times), {}, {}, {}});
}

void StepBuilder::program_joint(Phase phase, int layer, int first_rank, int ranks, Seconds latency,
                                Seconds alone, OnLinks links) {
  const auto start = std::min(latency, alone);
  const auto queue = phase == Phase::balance && !halves_ ? Queue::copy : Queue::communication;
  add_activity(
      {phase, layer, queue, first_rank, ranks, {}, start, alone - start, std::move(links)});
}

void StepBuilder::program_offloaded(int index, std::span<const ExpertMemory::LayerTime> times,
                                    std::span<const std::vector<LinkBytes>> waited_for) {
  const auto gpus = static_cast<int>(s_.offload->gpus_of_rank());
  for (std::size_t rank = 0; rank < times.size(); ++rank) {
    const auto first = static_cast<int>(rank) * gpus;
    const auto all = [&](Seconds time) {
      return std::vector<Seconds>(static_cast<std::size_t>(gpus), time);
    };
    const auto stall = times[rank].stall;
    if (stall > Seconds(0) && waited_for[rank].empty())
      program_own(Phase::expert_load, index, first, all(stall));
    else if (stall > Seconds(0))
      add_activity({Phase::expert_load,
                    index,
                    Queue::copy,
                    first,
                    gpus,
                    {},
                    Seconds(0),
                    stall,
                    {waited_for[rank], {}}});
    program_own(Phase::experts, index, first, all(times[rank].compute));
  }
}

void StepBuilder::add_activity(Activity activity) {
  if (halves_) {
    activity.half = halves_->half;
    activity.stretch = stretch_index(activity.joint());
  }
  cost_.programs.back().back().activities.push_back(std::move(activity));
}

void StepBuilder::start_program() {
  cost_.programs.back().push_back(
      {static_cast<int>(pending_.size()) * static_cast<int>(tensor()), {}});
}

void StepBuilder::program_tensor_collective(Phase phase, int layer, TensorCollective collective) {
  auto& transfer = *stage_.scratch;
  auto& activities = cost_.programs.back().back().activities;
  const auto before = activities.size();
  auto together = s_.parts.network.loads();
  std::size_t touched = 0;
  for (std::size_t r = 0; r < batches_.size(); ++r) {
    transfer.clear();
    if (stage_.flows) transfer.flows = &stage_.flows->tensor.loads;
    add_tensor_transfer(r, collective);
    for (const int link : transfer.loads.touched()) together.add(link, transfer.loads.bytes(link));
    touched += transfer.loads.touched().size();
    program_joint(phase, layer, static_cast<int>(r) * static_cast<int>(tensor()),
                  static_cast<int>(tensor()), transfer.latency, transfer.alone(s_.parts.network),
                  on_links());
  }
  if (touched == together.touched().size()) return;
  // They meet on a link: one transfer, as in lockstep.
  activities.resize(before);
  joint_tensor_transfer(collective);
  program_joint(phase, layer, 0, cost_.programs.back().back().ranks, transfer.latency,
                transfer.alone(s_.parts.network), on_links());
}

}  // namespace moesim
