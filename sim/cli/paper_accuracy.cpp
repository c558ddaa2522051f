#include "sim/cli/paper_accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "sim/cli/paper_metrics.hpp"
#include "sim/cli/simulate.hpp"
#include "sim/core/csv.hpp"
#include "sim/core/suggest.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;
using Results = std::map<std::string, Result>;  // by variant

const Result& result_of(const Results& results, const CsvTable& table, std::size_t row,
                        const char* column) {
  const auto at = table.column(column);
  const auto name = std::string(table.cell(row, at));
  const auto found = results.find(name);
  if (found != results.end()) return found->second;
  std::vector<std::string> valid;
  for (const auto& [variant, _] : results) valid.push_back(variant);
  throw InputError(table.at(row, at),
                   fmt::format("unknown variant '{}'{}", name, did_you_mean(name, valid)));
}

double simulated(const Results& results, const CsvTable& table, std::size_t row) {
  const auto at = table.column("metric");
  const auto name = std::string(table.cell(row, at));
  const auto metric = std::ranges::find(paper_metrics(), name, &PaperMetric::name);
  if (metric == paper_metrics().end())
    throw InputError(table.at(row, at), fmt::format("unknown metric '{}'{}", name,
                                                    did_you_mean(name, paper_metric_names())));
  const auto& variant = result_of(results, table, row, "variant");
  const auto* baseline =
      metric->needs_baseline ? &result_of(results, table, row, "baseline") : nullptr;
  return metric->value(variant, baseline);
}

/// "HOBBIT over MoE-Infinity"; the variant alone where it is not compared with another one.
std::string compared(const PaperResult& r) {
  return r.baseline.empty() ? r.variant : fmt::format("{} over {}", r.variant, r.baseline);
}

Results run_scenario(const std::string& file, unsigned jobs) {
  const auto designs = read_designs({file}, {}, "");
  auto results = simulate(designs, {false, jobs});
  Results by_variant;
  for (std::size_t i = 0; i < designs.size(); ++i)
    by_variant[designs[i].variant] = std::move(results[i]);
  return by_variant;
}

}  // namespace

std::vector<PaperResult> paper_results(const std::string& folder, unsigned jobs) {
  std::vector<fs::path> tables;
  for (const auto& entry : fs::directory_iterator(folder))
    if (fs::exists(entry.path() / "published.csv"))
      tables.push_back(entry.path() / "published.csv");
  std::ranges::sort(tables);
  std::vector<PaperResult> all;
  for (const auto& path : tables) {
    const auto table = read_csv(path.string());
    std::map<std::string, Results> runs;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      const auto scenario = std::string(table.cell(row, table.column("scenario")));
      if (!runs.contains(scenario))
        runs[scenario] = run_scenario((path.parent_path() / scenario).string(), jobs);
      PaperResult one;
      one.paper = path.parent_path().filename().string();
      one.scenario = scenario;
      one.baseline = std::string(table.cell(row, table.column("baseline")));
      one.variant = std::string(table.cell(row, table.column("variant")));
      one.metric = std::string(table.cell(row, table.column("metric")));
      one.published = table.number(row, table.column("published"));
      one.band = table.number(row, table.column("band"));
      one.simulated = simulated(runs[scenario], table, row);
      all.push_back(one);
    }
  }
  return all;
}

std::vector<LedgerEntry> paper_entries(const std::vector<PaperResult>& results) {
  std::vector<LedgerEntry> entries;
  for (const auto& r : results) {
    const double error = r.error();
    LedgerEntry entry;
    entry.name = "papers";
    entry.group = r.paper;
    entry.metric =
        fmt::format("{}: {} ({})", r.metric, compared(r), fs::path(r.scenario).stem().string());
    entry.errors = error_statistics(std::span(&error, 1));
    entry.target = r.band;
    entries.push_back(entry);
  }
  return entries;
}

std::string paper_table(const std::vector<PaperResult>& results) {
  std::size_t widest = 28;
  for (const auto& r : results) widest = std::max(widest, compared(r).size());
  auto text = fmt::format("{:<18} {:<{}} {:<24} {:>9} {:>9} {:>9}  {}\n", "paper", "variant",
                          widest, "metric", "published", "simulated", "error", "within its band");
  for (const auto& r : results)
    text += fmt::format("{:<18} {:<{}} {:<24} {:>9.3g} {:>9.3g} {:>+7.1f} %  {}\n", r.paper,
                        compared(r), widest, r.metric, r.published, r.simulated, 100 * r.error(),
                        std::abs(r.error()) <= r.band ? "yes" : "no");
  return text;
}

}  // namespace moesim
