// A serving scenario as plain values: what the YAML of `moesim run` says, checked, with every
// default filled in. The parameter lists here are the scenario reference.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "models/architecture/model.hpp"
#include "sim/core/input_path.hpp"
#include "sim/engine/lockstep.hpp"
#include "sim/engine/memory_plan.hpp"
#include "sim/engine/moe_layers.hpp"
#include "sim/engine/parallel.hpp"
#include "sim/platform/cluster.hpp"
#include "sim/serving/arrivals.hpp"
#include "sim/serving/composition.hpp"
#include "sim/serving/lengths.hpp"
#include "sim/serving/request_router.hpp"
#include "sim/serving/scheduler.hpp"

namespace moesim {

struct ModelConfig {
  std::string name;
  PrecisionOverride dtype;
  std::optional<std::int64_t> experts;
  std::optional<double> expert_width;
  std::optional<bool> decoder_alone;
  static const Parameters<ModelConfig>& parameters();
};

/// Tokens of a block that Mooncake's traces have an id for
/// (https://github.com/kvcache-ai/Mooncake, FAST25-release, README).
inline constexpr std::int64_t kMooncakeBlock = 512;

struct WorkloadConfig {
  std::optional<std::int64_t> requests;
  std::optional<Choice<Arrivals>> arrivals;
  std::optional<Choice<Lengths>> lengths;
  std::optional<InputPath> trace;
  std::optional<std::int64_t> hash_block;
  std::optional<std::int64_t> shared_prefix;
  static const Parameters<WorkloadConfig>& parameters();
  void check(const Node& at) const;
};

enum class Executor { lockstep, event };
const std::vector<std::string>& names_of(Executor);

/// Tokens that a draft proposes and the model verifies: multi-token prediction, EAGLE.
struct SpeculationConfig {
  std::int64_t tokens = 1;
  double acceptance_length = 1;
  std::int64_t draft_layers = 1;
  static const Parameters<SpeculationConfig>& parameters();
  void check(const Node& at) const;
};

/// Two halves of a batch in turn, one computing while the other communicates.
struct TwoBatchConfig {
  std::int64_t communication_sms = 0;
  static const Parameters<TwoBatchConfig>& parameters();
};

struct EngineConfig {
  std::string profile;
  Executor executor = Executor::lockstep;
  std::int64_t max_batched_tokens = 8192;
  std::int64_t max_sequences = 256;
  std::optional<std::int64_t> max_model_length;
  std::int64_t block_size = 16;
  Seconds host_time{0};
  Seconds launch_time{0};
  Seconds request_time{0};
  Seconds token_time{0};
  std::int64_t stream_interval = 1;
  bool stream_first = true;
  std::optional<Seconds> layer_time;
  std::optional<Seconds> sequence_time, experts_launch_time;
  std::optional<bool> asynchronous_scheduling;
  std::optional<BytesPerSecond> swap_bandwidth;
  std::int64_t graph_max_batch = 512;
  std::optional<bool> piecewise_graphs, stream_together, results_after_launch;
  std::optional<std::int64_t> graph_padding, graph_padding_up_to;
  std::optional<bool> prefix_caching;
  std::optional<SpeculationConfig> speculation;
  std::optional<TwoBatchConfig> two_batch_overlap;
  std::optional<std::int64_t> drawn_layers;
  Choice<Scheduler> scheduler{"vllm-v1"};
  Choice<RequestRouter> request_router{"least-loaded"};
  MemoryConfig memory;
  static const Parameters<EngineConfig>& parameters();
};

/// Workers of one kind: each is an engine with its own layout, scheduler and KV memory.
struct PoolConfig {
  std::int64_t workers = 1;
  ParallelConfig parallel;             ///< of every worker
  std::optional<NodeChoice> node;      ///< absent: the cluster's
  std::optional<EngineConfig> engine;  ///< absent: the scenario's
  static const Parameters<PoolConfig>& parameters();
  void check(const Node& at) const;
};

/// How a request's keys and values travel from the prefill to the decode worker.
struct KvTransferConfig {
  std::optional<BytesPerSecond> bandwidth;
  Seconds latency{0};
  std::optional<bool> overlap;  ///< default: true
  static const Parameters<KvTransferConfig>& parameters();
};

/// Which worker returns the first token to the user.
enum class FirstToken { decode, prefill };
const std::vector<std::string>& names_of(FirstToken);

/// The section `disaggregation`: prompts and decode steps run in different pools.
struct DisaggregationConfig {
  PoolConfig prefill, decode;
  KvTransferConfig transfer;
  FirstToken first_token = FirstToken::decode;
  static const Parameters<DisaggregationConfig>& parameters();
};

/// A request is good when it meets every limit that is given.
struct SloConfig {
  std::optional<Seconds> ttft, tpot, e2e;
  static const Parameters<SloConfig>& parameters();
  bool stated() const { return ttft || tpot || e2e; }
};

/// Phases of every layer are recorded for steps that start inside the window.
struct TimelineConfig {
  Seconds start{0};
  Seconds duration{0.2};
  static const Parameters<TimelineConfig>& parameters();
};

struct ServingScenario {
  std::string title, question;
  std::int64_t seed = 1;
  ModelConfig model;
  ClusterConfig cluster;
  ParallelConfig parallel;
  Choice<CostModel> cost{"residual"};
  RoutingConfig routing;
  std::optional<ExpertMemoryConfig> cache;
  std::optional<CompositionConfig> composition;
  WorkloadConfig workload;
  EngineConfig engine;
  std::optional<DisaggregationConfig> disaggregation;
  NetworkConfig network;
  SloConfig slo;
  TimelineConfig timeline;
  static const Parameters<ServingScenario>& parameters();
};

/// Where the parts of a scenario were written, for errors that need the whole picture.
struct ScenarioPlaces {
  Location model, parallel, workload, cache = {}, decode = {}, composition = {},
                                      prefix_caching = {};
};

/// Reads and checks a document (after includes, overrides and choice of a variant). Throws
/// InputError.
ServingScenario read_serving_scenario(const Node& document);
ScenarioPlaces places_of(const Node& document);

}  // namespace moesim
