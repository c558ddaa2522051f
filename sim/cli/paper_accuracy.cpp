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

/// Rows of one paper that stand together and are of one kind.
bool same_entry(const PaperResult& a, const PaperResult& b) {
  return a.paper == b.paper && a.metric == b.metric && a.band == b.band;
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
  for (std::size_t first = 0; first < results.size();) {
    std::vector<double> errors;
    auto last = first;
    for (; last < results.size() && same_entry(results[last], results[first]); ++last)
      errors.push_back(results[last].error());
    LedgerEntry entry;
    entry.name = "papers";
    entry.group = results[first].paper;
    entry.metric = results[first].metric;
    entry.errors = error_statistics(errors);
    entry.target = results[first].band;
    entries.push_back(entry);
    first = last;
  }
  return entries;
}

std::string paper_table(const std::vector<PaperResult>& results) {
  auto text = fmt::format("{:<18} {:<28} {:<20} {:>9} {:>9} {:>9}  {}\n", "paper", "variant",
                          "metric", "published", "simulated", "error", "within its band");
  for (const auto& r : results)
    text += fmt::format("{:<18} {:<28} {:<20} {:>9.3g} {:>9.3g} {:>+7.1f} %  {}\n", r.paper,
                        r.variant, r.metric, r.published, r.simulated, 100 * r.error(),
                        std::abs(r.error()) <= r.band ? "yes" : "no");
  return text;
}

}  // namespace moesim
