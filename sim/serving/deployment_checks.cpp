#include "sim/serving/deployment_checks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/architecture/size.hpp"

namespace moesim {

void check_batch_size(const ServingScenario& scenario, const Layout& layout, const Moe& moe,
                      const Location& where) {
  const double pairs = static_cast<double>(scenario.engine.max_batched_tokens) *
                       static_cast<double>(layout.data_per_group()) *
                       static_cast<double>(std::max<std::int64_t>(1, moe.top_k));
  if (pairs > 2e9)
    throw InputError(
        where,
        fmt::format(
            "max_batched_tokens {} x {} data ranks x top-{} experts = {:.1e} exceeds 2e9 tokens in "
            "one step",
            scenario.engine.max_batched_tokens, layout.data_per_group(), moe.top_k, pairs));
  if (moe.experts > 65535)
    throw InputError(where, fmt::format("{} experts; at most 65535 are supported", moe.experts));
}

void check_gathering(const ServingScenario& scenario, const Layout& layout, const Network& network,
                     const Location& where) {
  if (!layout.gathers_tokens()) return;
  const auto& dispatch = scenario.network.dispatch;
  const Group two(network, {0, 1});
  if (dispatch.make({network, two})->gathers()) return;
  throw InputError(
      where,
      fmt::format(
          "moe_tensor {} splits every expert over data ranks, which all need the tokens of "
          "all of them, but network.dispatch '{}' sends a token to single ranks; did you mean "
          "'allgather-reducescatter'?",
          layout.moe_tensor(), dispatch.type));
}

void check_offloading(const ServingScenario& scenario, const Model& model, const Location& where) {
  const auto& degrees = scenario.parallel;
  if (model.architecture.moe.experts == 0)
    throw InputError(where, model.architecture.name + " has no routed experts to cache");
  if (degrees.pipeline > 1)
    throw InputError(where,
                     "expert caches in pipeline stages are not simulated: pipeline must be 1 "
                     "(tensor, data and expert may be more)");
  if (scenario.routing.balancer.type != "none" || scenario.routing.redundant_experts > 0)
    throw InputError(where,
                     "an expert cache beside a balancer or redundant experts is not simulated: "
                     "leave one of them out");
  if (scenario.engine.speculation)
    throw InputError(where,
                     "an expert cache beside drafted tokens is not simulated: leave cache or "
                     "engine.speculation out");
  const auto bytes =
      scenario.cache->expert_bytes.value_or(expert_bytes(model.architecture, model.precision));
  const auto experts = model.architecture.moe.experts;
  if (experts % degrees.expert != 0)
    throw InputError(where, fmt::format("expert caches of ranks with different numbers of experts "
                                        "are not simulated: {} experts on {} ranks",
                                        experts, degrees.expert));
  const auto split = degrees.expert_split();
  const auto node_gpus = scenario.cluster.node.node.gpus;
  check_expert_memory(
      *scenario.cache, shape_of_rank(cache_shape(model.architecture), degrees.expert),
      bytes / static_cast<double>(split),
      std::min<std::int64_t>(std::max(degrees.tensor, degrees.expert * split), node_gpus), where);
  if (scenario.cache->gpus_per_link > node_gpus)
    throw InputError(where, fmt::format("gpus_per_link: {} GPUs behind one switch, but a node has "
                                        "{}",
                                        scenario.cache->gpus_per_link, node_gpus));
}

Bytes composed_bytes(const ServingScenario& scenario, const Model& model) {
  return scenario.composition->bytes.value_or(weight_bytes(model.architecture, model.precision));
}

void check_composed(const ServingScenario& scenario, const Model& model, const Location& where) {
  if (scenario.cache || scenario.disaggregation || scenario.parallel.data > 1 ||
      scenario.parallel.pipeline > 1)
    throw InputError(where,
                     "whole models are composed on one replica (data and pipeline 1), without "
                     "cache and disaggregation");
  check_composition(*scenario.composition, composed_bytes(scenario, model), where);
}

void check_expert_queues(const ServingScenario& scenario, const Location& where) {
  if (scenario.engine.scheduler.type != "longest-expert-queue") return;
  if (!scenario.cache || !scenario.cache->by_request)
    throw InputError(where,
                     "scheduler 'longest-expert-queue' must know every request's experts "
                     "beforehand: it needs the section cache with by_request: true");
}

void check_swapping(const ServingScenario& scenario, const Location& where) {
  if (scenario.engine.swap_bandwidth && (scenario.parallel.pipeline > 1 || scenario.disaggregation))
    throw InputError(where,
                     "engine.swap_bandwidth with pipeline stages or disaggregation is not "
                     "simulated: leave it out");
  if (scenario.engine.swap_bandwidth && scenario.cache &&
      (scenario.parallel.expert > 1 || scenario.parallel.exchanges()))
    throw InputError(where,
                     "engine.swap_bandwidth beside expert caches of several ranks is not "
                     "simulated: leave one of them out");
}

// Each of these follows every layer for itself.
void check_drawn_layers(const ServingScenario& scenario, const Location& where) {
  const auto& engine = scenario.engine;
  if (!engine.drawn_layers) return;
  const char* beside = scenario.cache                             ? "an expert cache"
                       : engine.executor == Executor::event       ? "executor event"
                       : engine.two_batch_overlap                 ? "two_batch_overlap"
                       : scenario.routing.balancer.type != "none" ? "a balancer"
                                                                  : nullptr;
  if (beside == nullptr) return;
  throw InputError(where, fmt::format("engine.drawn_layers beside {} is not simulated, which needs "
                                      "every layer: leave drawn_layers out",
                                      beside));
}

void check_two_batches(const ServingScenario& scenario, const Device& device,
                       const Location& where) {
  const auto& two = scenario.engine.two_batch_overlap;
  if (!two) return;
  if (scenario.cache)
    throw InputError(where,
                     "engine.two_batch_overlap beside an expert cache is not simulated: leave one "
                     "of them out");
  if (two->communication_sms >= device.sms)
    throw InputError(where, fmt::format("engine.two_batch_overlap: communication_sms {} leave none "
                                        "of the {} SMs of {}",
                                        two->communication_sms, device.sms, device.name));
}

}  // namespace moesim
