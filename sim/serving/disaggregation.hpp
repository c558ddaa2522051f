// Disaggregated serving as a scenario: the two pools as scenarios of their own, where they lie on
// the cluster, and what cannot be combined with them. A pool of W workers with D data ranks each is
// a deployment of W x D data ranks: workers are the lockstep groups and replicas that the layout
// has anyway.
//
// What happens to a request: the prefill pool's router picks a rank, which computes the prompt in
// chunks and with it the first token; the decode pool's router picks a rank; when that rank has KV
// memory and a seat for it and is between two steps, the cache travels; then the prefill worker
// frees its copy and the request decodes from the next step on. Prefill, transfer, decode in this
// order, the transfer beside other requests' steps: https://docs.nvidia.com/dynamo, "Disaggregated
// Serving", and https://docs.vllm.ai/en/latest/features/disagg_prefill (both read 2026-11-22). Not
// modelled: transfers that start layer by layer or chunk by chunk while the prompt is still being
// computed, short prompts that a decode worker prefills itself, and the GPU time that a transfer
// costs.
#pragma once

#include "sim/serving/serving_scenario.hpp"

namespace moesim {

/// InputError for what cannot be simulated together, at the place of the mistake in `document`.
void check_disaggregation(const ServingScenario& scenario, const Node& document);

/// A pool as a scenario without pools: `scenario` with the pool's layout, engine and nodes.
ServingScenario prefill_scenario(const ServingScenario& scenario);
ServingScenario decode_scenario(const ServingScenario& scenario);

/// GPUs that serve, of all pools.
std::int64_t serving_gpus(const ServingScenario& scenario);

/// Both pools lie in the one cluster; otherwise each has nodes (and a fabric) of its own.
bool one_cluster(const DisaggregationConfig& config);

/// First GPU of the decode pool: behind the prefill pool, where no worker that fits in a node
/// straddles two. 0 when the pools have clusters of their own.
std::int64_t first_decode_gpu(const ServingScenario& scenario);

}  // namespace moesim
