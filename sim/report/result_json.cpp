#include "sim/report/result_json.hpp"

#include "sim/core/version.hpp"
#include "sim/report/json_text.hpp"

namespace moesim {
namespace {

/// Nothing to summarise, no section: TPOT of a run whose requests all end with their first token.
void add_distribution(Json& json, const char* key, const Distribution& d) {
  if (d.count == 0) return;
  json[key] = {{"mean", d.mean}, {"p50", d.p50}, {"p90", d.p90},    {"p95", d.p95},
               {"p99", d.p99},   {"max", d.max}, {"count", d.count}};
}

Json pool_json(const PoolSummary& pool) {
  return {{"workers", pool.workers},
          {"gpus", pool.gpus},
          {"busy_fraction", pool.busy_fraction},
          {"running_per_worker", pool.running_per_worker},
          {"kv_used_fraction", pool.kv_used_fraction}};
}

void add_pools(Json& json, const DisaggregationSummary& pools) {
  json = {{"transfers", pools.transfers}, {"transfer_bytes", pools.transfer_bytes}};
  add_distribution(json, "transfer_s", pools.transfer_s);
  add_distribution(json, "wait_s", pools.wait_s);
  json["prefill"] = pool_json(pools.prefill);
  json["decode"] = pool_json(pools.decode);
}

void add_optional_sections(Json& json, const Result& r) {
  if (r.goodput)
    json["goodput"] = {{"requests_per_s", r.goodput->requests_per_s},
                       {"fraction", r.goodput->fraction}};
  json["steps"] = {
      {"prefill", r.prefill_steps}, {"decode", r.decode_steps}, {"mixed", r.mixed_steps}};
  if (r.decode_steps > 0) json["steps"]["mean_decode_s"] = r.mean_decode_s;
  if (r.moe)
    json["moe"] = {{"imbalance_mean", r.moe->imbalance_mean},
                   {"imbalance_max", r.moe->imbalance_max},
                   {"distinct_experts_mean", r.moe->distinct_experts_mean},
                   {"dispatch_s", r.moe->dispatch_s},
                   {"combine_s", r.moe->combine_s},
                   {"expert_s", r.moe->expert_s},
                   {"exposed_comm_fraction", r.moe->exposed_comm_fraction}};
  if (r.cache)
    json["cache"] = {{"hits", r.cache->hits},
                     {"late", r.cache->late},
                     {"misses", r.cache->misses},
                     {"skipped", r.cache->skipped},
                     {"on_cpu", r.cache->on_cpu},
                     {"prefetched", r.cache->prefetched},
                     {"prefetched_wrong", r.cache->prefetched_wrong},
                     {"hit_rate", r.cache->hit_rate},
                     {"bytes_loaded", r.cache->bytes_loaded},
                     {"stall_s", r.cache->stall_s}};
  if (r.cache && r.cache->bytes_written_back > 0)
    json["cache"]["bytes_written_back"] = r.cache->bytes_written_back;
  if (r.prefix_cache)
    json["prefix_cache"] = {{"prompt_tokens", r.prefix_cache->prompt_tokens},
                            {"hit_tokens", r.prefix_cache->hit_tokens},
                            {"hit_rate", r.prefix_cache->hit_rate}};
  if (r.moe && (r.moe->rebalances > 0 || r.moe->bytes_migrated > 0))
    json["balance"] = {{"rebalances", r.moe->rebalances},
                       {"bytes_migrated", r.moe->bytes_migrated}};
  if (r.network)
    json["network"] = {{"bytes", r.network->bytes},
                       {"max_link_utilization", r.network->max_link_utilization}};
  if (!r.link_events.empty()) json["network"]["events"] = r.link_events;
  if (r.disaggregation) add_pools(json["disaggregation"], *r.disaggregation);
  json["trust"] = {{"time_outside_calibration_fraction", r.time_outside_calibration_fraction}};
  if (!r.time_breakdown_s.empty()) {
    Json& breakdown = json["time_breakdown_s"] = Json::object();
    for (const auto& [phase, seconds] : r.time_breakdown_s) breakdown[phase] = seconds;
  }
}

}  // namespace

std::string result_json(const Result& r) {
  Json json = Json::object();
  json["schema"] = kResultSchema;
  json["moesim_version"] = version();
  json["scenario"] = node_json(r.scenario);
  json["seed"] = r.seed;
  json["wall_s"] = r.wall_s;
  json["peak_rss_bytes"] = r.peak_rss_bytes;
  json["events"] = r.events;
  json["simulated_s"] = r.simulated_s;
  json["requests"] = {{"submitted", r.submitted}, {"completed", r.completed}, {"failed", r.failed}};
  json["tokens"] = {{"input", r.input_tokens}, {"output", r.output_tokens}};
  json["throughput"] = {{"output_tokens_per_s", r.output_tokens_per_s},
                        {"total_tokens_per_s", r.total_tokens_per_s},
                        {"requests_per_s", r.requests_per_s},
                        {"output_tokens_per_s_per_gpu", r.output_tokens_per_s_per_gpu}};
  add_distribution(json, "ttft_s", r.ttft_s);
  add_distribution(json, "tpot_s", r.tpot_s);
  add_distribution(json, "itl_s", r.itl_s);
  add_distribution(json, "e2e_s", r.e2e_s);
  add_distribution(json, "queue_s", r.queue_s);
  add_optional_sections(json, r);
  return json_text(json);
}

}  // namespace moesim
