#include "sim/serving/disaggregation.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace moesim {
namespace {

std::int64_t worker_gpus(const PoolConfig& pool) {
  return pool.parallel.tensor * pool.parallel.data;
}

std::int64_t gpus_of(const PoolConfig& pool) { return pool.workers * worker_gpus(pool); }

std::int64_t round_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

ServingScenario pool_scenario(const ServingScenario& scenario, const PoolConfig& pool) {
  ServingScenario own = scenario;
  own.disaggregation.reset();
  own.parallel = pool.parallel;
  own.parallel.data *= pool.workers;
  if (pool.engine) own.engine = *pool.engine;
  if (!one_cluster(*scenario.disaggregation)) {
    if (pool.node) own.cluster.node = *pool.node;
    const auto per_node = own.cluster.node.node.gpus;
    own.cluster.nodes = round_up(gpus_of(pool), per_node) / per_node;
    own.cluster.links.clear();
  }
  return own;
}

const Node* find(const Node& document, std::initializer_list<const char*> path) {
  const Node* node = &document;
  for (const char* key : path) {
    const Node* next = node->is_mapping() ? node->find(key) : nullptr;
    if (next == nullptr || next->is_null()) return nullptr;
    node = next;
  }
  return node;
}

void refuse_beside(const Node& document, std::initializer_list<const char*> path,
                   const std::string& why) {
  if (const Node* node = find(document, path)) throw InputError(node->where, why);
}

void check_size(const ServingScenario& scenario, const Node& document) {
  const auto& config = *scenario.disaggregation;
  const auto have = scenario.cluster.gpus(), per_node = scenario.cluster.node.node.gpus;
  const auto need = first_decode_gpu(scenario) + gpus_of(config.decode);
  if (need <= have) return;
  throw InputError(
      find(document, {"disaggregation"})->where,
      fmt::format("prefill {} x {} GPUs and decode {} x {} GPUs need {} (no worker that fits in a "
                  "node straddles two), the cluster has {}; set cluster.nodes to at least {}",
                  config.prefill.workers, worker_gpus(config.prefill), config.decode.workers,
                  worker_gpus(config.decode), need, have, round_up(need, per_node) / per_node));
}

void check_network(const ServingScenario& own, const Location& where) {
  if (own.cluster.node.node.nics == 0)
    throw InputError(where, fmt::format("a pool on nodes of its own needs network adapters, the "
                                        "node profile {} has none (nics: 0)",
                                        own.cluster.node.profile));
}

}  // namespace

const std::vector<std::string>& names_of(FirstToken) {
  static const std::vector<std::string> names = {"decode", "prefill"};
  return names;
}

const Parameters<PoolConfig>& PoolConfig::parameters() {
  static const auto list =
      Parameters<PoolConfig>()
          .optional("workers", &PoolConfig::workers, "engines of this pool")
          .min(1)
          .max(100'000)
          .optional("parallel", &PoolConfig::parallel, "how the model lies on a worker's GPUs")
          .optional("node", &PoolConfig::node,
                    "another node profile: both pools then have nodes and a fabric of their own, "
                    "as many as they need (default: the cluster's nodes)")
          .optional("engine", &PoolConfig::engine,
                    "the serving engine of this pool's data ranks (default: the section engine)");
  return list;
}

void PoolConfig::check(const Node& at) const {
  if (parallel.pipeline > 1)
    throw InputError(find(at, {"parallel", "pipeline"})->where,
                     "pipeline stages inside a disaggregated pool are not simulated; did you mean "
                     "'tensor' or 'expert'?");
}

const Parameters<KvTransferConfig>& KvTransferConfig::parameters() {
  static const auto list =
      Parameters<KvTransferConfig>()
          .optional("bandwidth", &KvTransferConfig::bandwidth,
                    "most that one GPU of a decode worker receives of one request, for transfer "
                    "engines that do not fill the link (default: what the links give)")
          .above(0)
          .optional("latency", &KvTransferConfig::latency,
                    "start-up of a transfer (hand-shake, descriptors), on top of the link's")
          .min(0)
          .optional("overlap", &KvTransferConfig::overlap,
                    "decode steps go on meanwhile; false: the worker that receives waits, each "
                    "rank for one transfer after the other (TensorRT-LLM's "
                    "TRTLLM_DISABLE_KV_CACHE_TRANSFER_OVERLAP; default true)")
          .unwritten_when_absent();
  return list;
}

const Parameters<DisaggregationConfig>& DisaggregationConfig::parameters() {
  static const auto list =
      Parameters<DisaggregationConfig>()
          .required("prefill", &DisaggregationConfig::prefill, "workers that compute prompts",
                    "{workers: 2, parallel: {tensor: 8}}")
          .required("decode", &DisaggregationConfig::decode,
                    "workers that generate the tokens after the first", "{parallel: {tensor: 8}}")
          .optional("transfer", &DisaggregationConfig::transfer,
                    "keys and values on their way from one to the other")
          .optional(
              "first_token", &DisaggregationConfig::first_token,
              "who returns the first token: decode, when the transfer has ended and the next step "
              "begins, both part of TTFT (as SGLang and TensorRT-LLM do), or prefill, at once, and "
              "the transfer is part "
              "of the first gap between tokens");
  return list;
}

std::int64_t serving_gpus(const ServingScenario& scenario) {
  if (const auto& pools = scenario.disaggregation)
    return gpus_of(pools->prefill) + gpus_of(pools->decode);
  const auto& p = scenario.parallel;
  return p.tensor * p.data * p.pipeline;
}

bool one_cluster(const DisaggregationConfig& config) {
  return !config.prefill.node && !config.decode.node;
}

ServingScenario prefill_scenario(const ServingScenario& scenario) {
  return pool_scenario(scenario, scenario.disaggregation->prefill);
}

ServingScenario decode_scenario(const ServingScenario& scenario) {
  return pool_scenario(scenario, scenario.disaggregation->decode);
}

std::int64_t first_decode_gpu(const ServingScenario& scenario) {
  const auto& config = *scenario.disaggregation;
  if (!one_cluster(config)) return 0;
  return round_up(gpus_of(config.prefill),
                  std::min(worker_gpus(config.decode), scenario.cluster.node.node.gpus));
}

void check_disaggregation(const ServingScenario& scenario, const Node& document) {
  refuse_beside(document, {"parallel"},
                "the section parallel beside disaggregation: every pool has a layout of its own; "
                "did you mean disaggregation.decode.parallel?");
  refuse_beside(document, {"cache"},
                "an expert cache beside disaggregation is not simulated: leave one of them out");
  if (scenario.routing.balancer.type != "none")
    throw InputError(scenario.routing.balancer.where,
                     "a balancer beside disaggregation is not simulated: use balancer none, or "
                     "routing.redundant_experts for replicas that stay where they are");
  if (one_cluster(*scenario.disaggregation)) return check_size(scenario, document);
  const auto where = find(document, {"disaggregation"})->where;
  if (!scenario.cluster.links.empty())
    throw InputError(
        find(document, {"cluster", "links"})->where,
        "cluster.links beside pools on nodes of their own: it is not known whose links "
        "these are; leave out the node of the pools");
  check_network(prefill_scenario(scenario), where);
  check_network(decode_scenario(scenario), where);
}

}  // namespace moesim
