#include "sim/cli/paper_metrics.hpp"

#include <numeric>

namespace moesim {
namespace {

double phase_s(const Result& r, std::initializer_list<std::string_view> phases) {
  double sum = 0;
  for (const auto& [phase, seconds] : r.time_breakdown_s)
    for (const auto wanted : phases)
      if (phase == wanted) sum += seconds;
  return sum;
}

double moe_layer_s(const Result& r) {
  return phase_s(r, {"dispatch", "experts", "combine", "balance"});
}

double per_node(const Result& r, double per_s) {
  constexpr double kGpusOfANode = 8;
  return per_s / r.gpus * kGpusOfANode;
}

/// Of steps that hold nothing else.
double decoded_per_s(const Result& r) {
  double tokens = 0, seconds = 0;
  for (const auto& step : r.steps)
    if (step.prefill_tokens == 0) {
      tokens += static_cast<double>(step.decode_tokens);
      seconds += step.duration_s;
    }
  return seconds > 0 ? tokens / seconds : 0;
}

double prefix_hit_tokens(const Result& r) {
  return r.prefix_cache ? static_cast<double>(r.prefix_cache->hit_tokens) : 0;
}

double experts_per_token(const Result& r, const Result*) {
  double pairs = 0, tokens = 0;
  for (const auto& layer : r.expert_load_tokens)
    pairs += std::accumulate(layer.begin(), layer.end(), 0.0) /
             static_cast<double>(r.expert_load_tokens.size());
  for (const auto& step : r.steps)
    tokens += static_cast<double>(step.prefill_tokens + step.decode_tokens);
  return tokens > 0 ? pairs / tokens : 0;
}

}  // namespace

const std::vector<PaperMetric>& paper_metrics() {
  static const std::vector<PaperMetric> list = {
      {"experts per token", "(token, expert) pairs per token and MoE layer", false,
       experts_per_token},
      {"experts per step", "distinct experts of a layer in a step, mean", false,
       [](const Result& v, const Result*) { return v.moe ? v.moe->distinct_experts_mean : 0; }},
      {"latency speed-up", "mean time of a request from its arrival to its last token", true,
       [](const Result& v, const Result* b) { return b->e2e_s.mean / v.e2e_s.mean; }},
      {"moe layer speed-up", "time of dispatch, experts, combine and balancing", true,
       [](const Result& v, const Result* b) { return moe_layer_s(*b) / moe_layer_s(v); }},
      {"dense layer speed-up", "time of the dense feed-forward layers", true,
       [](const Result& v, const Result* b) {
         return phase_s(*b, {"dense_ffn"}) / phase_s(v, {"dense_ffn"});
       }},
      {"experts speed-up", "time of the routed experts' computation", true,
       [](const Result& v, const Result* b) {
         return phase_s(*b, {"experts"}) / phase_s(v, {"experts"});
       }},
      {"throughput ratio", "total tokens per second", true,
       [](const Result& v, const Result* b) {
         return v.total_tokens_per_s / b->total_tokens_per_s;
       }},
      {"decode speed-up", "mean time per output token", true,
       [](const Result& v, const Result* b) { return b->tpot_s.mean / v.tpot_s.mean; }},
      {"prompt speed-up", "mean time to first token", true,
       [](const Result& v, const Result* b) { return b->ttft_s.mean / v.ttft_s.mean; }},
      {"decoded tokens per s", "1 / mean time per output token", false,
       [](const Result& v, const Result*) { return 1 / v.tpot_s.mean; }},
      {"time per token", "mean time per output token [s]", false,
       [](const Result& v, const Result*) { return v.tpot_s.mean; }},
      {"input per s and node", "prompt tokens, cached or not, per second and eight GPUs", false,
       [](const Result& v, const Result*) {
         return per_node(v, static_cast<double>(v.input_tokens) / v.simulated_s);
       }},
      {"computed per s and node", "prompt tokens that were not cached, likewise", false,
       [](const Result& v, const Result*) {
         return per_node(
             v, (static_cast<double>(v.input_tokens) - prefix_hit_tokens(v)) / v.simulated_s);
       }},
      {"decoded per s and node", "output tokens of decode steps, likewise", false,
       [](const Result& v, const Result*) { return per_node(v, decoded_per_s(v)); }},
      {"prefix hit rate", "prompt tokens that were cached / all", false,
       [](const Result& v, const Result*) {
         return v.prefix_cache ? v.prefix_cache->hit_rate : 0;
       }},
      {"loads", "experts, or whole models, that were not there", false,
       [](const Result& v, const Result*) {
         return v.cache ? static_cast<double>(v.cache->misses) : 0;
       }},
      {"hit rate", "experts that were there when the gate spoke / all", false,
       [](const Result& v, const Result*) { return v.cache ? v.cache->hit_rate : 0; }}};
  return list;
}

std::vector<std::string> paper_metric_names() {
  std::vector<std::string> names;
  for (const auto& metric : paper_metrics()) names.emplace_back(metric.name);
  return names;
}

}  // namespace moesim
