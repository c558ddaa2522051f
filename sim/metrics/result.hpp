// What one run found: the summary that becomes the result JSON (keys and definitions of README,
// section "Result") and the series behind the plots. Plain values; filled by metrics/, read by
// report/. Times in seconds, sizes in bytes. An optional section that does not apply to the run is
// empty and is left out of the JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/core/node.hpp"

namespace moesim {

/// Percentiles by linear interpolation between closest ranks, as numpy and vLLM's benchmark do.
struct Distribution {
  double mean = 0, p50 = 0, p90 = 0, p95 = 0, p99 = 0, max = 0;
  std::int64_t count = 0;
};

/// One finished request; definitions as in vLLM's benchmark (arrival includes queueing).
struct RequestRow {
  std::int64_t id = 0;
  int rank = 0;  ///< data-parallel rank that served it
  std::int64_t input_tokens = 0, output_tokens = 0;
  double arrival_s = 0;
  double queue_s = 0;  ///< arrival to first time scheduled
  double ttft_s = 0;   ///< arrival to first token
  double tpot_s = 0;   ///< (e2e - ttft) / (output tokens - 1); 0 for one output token
  double e2e_s = 0;
  int preemptions = 0;
};

/// One engine step of one lockstep group, as scheduled.
struct StepRow {
  int group = 0;
  double start_s = 0, duration_s = 0;
  std::int64_t prefill_tokens = 0, decode_tokens = 0;  ///< over all ranks of the group
  std::int64_t running = 0, waiting = 0;               ///< requests after scheduling
  double kv_used_fraction = 0;                         ///< most loaded rank
};

/// One phase of one step on one serial resource, for the timeline.
struct PhaseRow {
  std::string track;  ///< e.g. "group 0 compute", "group 0 network"
  std::string name;   ///< e.g. "layer 12 experts"
  double start_s = 0, duration_s = 0;
};

struct MoeSummary {
  double imbalance_mean = 0;  ///< max/mean of tokens over the ranks of an expert-parallel group,
                              ///< mean over layers and steps
  double imbalance_max = 0;
  double distinct_experts_mean = 0;  ///< experts with at least one token per layer and step
  double dispatch_s = 0, combine_s = 0, expert_s = 0;
  std::int64_t rebalances = 0;       ///< placements changed by the balancer, of one group
  double bytes_migrated = 0;         ///< expert weights moved over the network
  double exposed_comm_fraction = 0;  ///< communication not hidden behind compute / total step time
};

/// Expert caches, summed over the GPUs.
struct CacheSummary {
  std::int64_t hits = 0, late = 0, misses = 0;  ///< there, on their way, neither
  std::int64_t skipped = 0, on_cpu = 0;         ///< of the misses
  std::int64_t prefetched = 0, prefetched_wrong = 0;
  double hit_rate = 0;
  double bytes_loaded = 0;
  double stall_s = 0;  ///< layers waited for experts, without contention
  double bytes_written_back = 0;
};

/// Prompts whose beginning another request had left in KV memory.
struct PrefixSummary {
  std::int64_t prompt_tokens = 0, hit_tokens = 0;  ///< of all requests when first admitted
  double hit_rate = 0;
};

struct NetworkSummary {
  double bytes = 0;                 ///< over all links that belong to the fabric or the node
  double max_link_utilization = 0;  ///< busiest link: bytes / (capacity x simulated time)
};

/// One of the two pools of disaggregated serving.
struct PoolSummary {
  std::int64_t workers = 0, gpus = 0;
  double busy_fraction = 0;       ///< of its engines' time, steps running
  double running_per_worker = 0;  ///< requests, mean over the simulated time
  double kv_used_fraction = 0;    ///< fullest rank, mean over the busy time
};

/// Prompts in one pool, decode steps in another, KV caches on their way between.
struct DisaggregationSummary {
  std::int64_t transfers = 0;
  double transfer_bytes = 0;  ///< that decode GPUs received
  Distribution transfer_s;
  Distribution wait_s;  ///< for memory and a seat at the decode worker, before the transfer
  PoolSummary prefill, decode;
};

struct Result {
  std::string title;
  Node scenario;  ///< resolved
  std::uint64_t seed = 0;
  double wall_s = 0;
  std::int64_t peak_rss_bytes = 0;
  std::int64_t events = 0;  ///< SimGrid activities completed
  double simulated_s = 0;
  int gpus = 0;

  std::int64_t submitted = 0, completed = 0, failed = 0;
  std::int64_t input_tokens = 0, output_tokens = 0;  ///< of completed requests
  double output_tokens_per_s = 0, total_tokens_per_s = 0, requests_per_s = 0,
         output_tokens_per_s_per_gpu = 0;
  Distribution ttft_s, tpot_s, itl_s, e2e_s, queue_s;
  struct Goodput {
    double requests_per_s = 0, fraction = 0;
  };
  std::optional<Goodput> goodput;  ///< when the scenario states an SLO
  std::int64_t prefill_steps = 0, decode_steps = 0, mixed_steps = 0;
  double mean_decode_s = 0;
  std::int64_t preemptions = 0;
  std::optional<MoeSummary> moe;
  std::optional<CacheSummary> cache;
  std::optional<PrefixSummary> prefix_cache;
  std::optional<NetworkSummary> network;
  std::vector<std::string> link_events;  ///< links that failed or slowed down, and their traffic
  std::optional<DisaggregationSummary> disaggregation;
  double time_outside_calibration_fraction = 0;
  /// Share of the busy time by phase, in the order of a layer: attention, router, dispatch,
  /// experts, combine, ...
  std::vector<std::pair<std::string, double>> time_breakdown_s;

  std::vector<RequestRow> requests;  ///< in order of id
  std::vector<StepRow> steps;        ///< in order of start
  std::vector<PhaseRow> phases;      ///< inside the timeline window only
  /// Tokens per [MoE layer][expert] over the run; empty for dense models.
  std::vector<std::vector<double>> expert_load_tokens;
  std::vector<int> moe_layers;  ///< layer number of each row above
};

}  // namespace moesim
