#include "sim/cli/cache_accuracy.hpp"

#include <algorithm>

#include "sim/cache/published_curves.hpp"
#include "sim/cache/trace_accesses.hpp"
#include "sim/core/parallel.hpp"

namespace moesim {
namespace {

constexpr double kTarget = 0.05;     // five points
constexpr std::int64_t kLayers = 4;  // of generated models: layers are alike
constexpr const char* kPolicies[] = {"LRU", "LFU", "Belady"};

LedgerEntry entry(const std::string& group, const std::string& metric,
                  const std::vector<double>& differences) {
  LedgerEntry entry;
  entry.name = "cache";
  entry.group = group;
  entry.metric = metric;
  entry.errors = error_statistics(differences);
  entry.target = kTarget;
  entry.target_p90 = kTarget;
  return entry;
}

/// Layers, experts and active experts of the published models (their config.json).
CacheShape shape_of(const std::string& model) {
  struct Known {
    const char* name;
    std::int64_t experts, top_k;
  };
  constexpr Known known[] = {
      {"DeepSeek-V2-Lite", 64, 6}, {"GRIN-MoE", 16, 2},    {"Jamba-Mini-1.6", 16, 2},
      {"LLaMA-MoE-v1", 16, 4},     {"Mixtral-8x7B", 8, 2}, {"OpenMoE", 32, 2},
      {"PowerMoE-3B", 40, 8},      {"Qwen1.5-MoE", 60, 4}, {"XVERSE-MoE", 64, 6}};
  for (const auto& each : known)
    if (model == each.name) return {kLayers, each.experts, each.top_k};
  return {};
}

std::vector<LedgerEntry> recorded(const std::string& folder, const PublishedCurves& published) {
  std::vector<LedgerEntry> entries;
  for (const char* task : {"intent", "law", "summary"}) {
    const auto file = folder + "/esft_" + task + ".csv.gz";
    const auto rates =
        hit_rates_at_rho_123(accesses_of(read_recorded_trace(file, {0, 64, 6})), true);
    for (const auto& [series, values] : rates) {
      std::vector<double> differences;
      for (std::size_t i = 0; i < values.size(); ++i)
        differences.push_back(values[i] - published.at_rho_123.at(series)[i]);
      const bool segment = series.front() == 'm';
      entries.push_back(entry(std::string("recorded DeepSeek-V2-Lite, ") + task,
                              segment ? "segment oracle, " + series.substr(1) + " tokens" : series,
                              differences));
    }
  }
  return entries;
}

std::vector<LedgerEntry> generated(const PublishedCurves& published) {
  const auto shape = shape_of(published.model);
  if (shape.experts == 0) return {};
  const auto fit = fit_reuse(published, shape);
  const auto rates = hit_rates_at_rho_123(generate_accesses(fit, shape, 6, 99), false);
  std::vector<LedgerEntry> entries;
  for (const std::string policy : kPolicies) {
    std::vector<double> differences;
    for (std::size_t i = policy == "Belady" ? 0 : 1; i < 3;
         ++i)  // LRU and LFU at rho 1 were fitted
      differences.push_back(rates.at(policy)[i] - published.at_rho_123.at(policy)[i]);
    entries.push_back(entry("generated " + published.model, policy, differences));
  }
  return entries;
}

}  // namespace

std::vector<LedgerEntry> cache_accuracy(const std::string& folder, unsigned jobs) {
  const auto all = read_published_curves(folder + "/expert_cache_hit_curves.csv");
  std::vector<std::vector<LedgerEntry>> of_model(all.size());
  for_each_in_parallel(all.size(), jobs, [&](std::size_t i) {
    if (all[i].model == "DeepSeek-V2-Lite") of_model[i] = recorded(folder, all[i]);
    std::ranges::move(generated(all[i]), std::back_inserter(of_model[i]));
  });
  std::vector<LedgerEntry> entries;
  for (auto& some : of_model) std::ranges::move(some, std::back_inserter(entries));
  return entries;
}

}  // namespace moesim
