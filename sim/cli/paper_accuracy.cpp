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

struct PublishedTable {
  fs::path folder;
  CsvTable rows;
  /// The scenario's file.
  std::string file_of(std::size_t row) const {
    return (folder / std::string(rows.cell(row, rows.column("scenario")))).string();
  }
};

std::vector<PublishedTable> tables_in(const std::string& folder) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder))
    if (fs::exists(entry.path() / "published.csv")) folders.push_back(entry.path());
  std::ranges::sort(folders);
  std::vector<PublishedTable> tables;
  for (const auto& paper : folders)
    tables.push_back({paper, read_csv((paper / "published.csv").string())});
  return tables;
}

/// Every variant of every scenario file, all in one queue: few files have work for all cores.
std::map<std::string, Results> run_scenarios(const std::vector<PublishedTable>& tables,
                                             unsigned jobs) {
  std::vector<std::string> files;
  for (const auto& table : tables)
    for (std::size_t row = 0; row < table.rows.rows(); ++row)
      if (const auto file = table.file_of(row); std::ranges::find(files, file) == files.end())
        files.push_back(file);
  const auto designs = read_designs(files, {}, "");
  std::map<std::string, Results> runs;
  simulate_each(designs, jobs, [&](std::size_t i, Outcome outcome) {
    if (outcome.refused) throw InputError(outcome.error);
    if (!outcome.result) throw SimulationError(outcome.error);
    outcome.result->requests.clear();  // no published figure needs them
    runs[designs[i].file][designs[i].variant] = *std::move(outcome.result);
  });
  return runs;
}

}  // namespace

std::vector<PaperResult> paper_results(const std::string& folder, unsigned jobs) {
  const auto tables = tables_in(folder);
  const auto runs = run_scenarios(tables, jobs);
  std::vector<PaperResult> all;
  for (const auto& paper : tables)
    for (std::size_t row = 0; row < paper.rows.rows(); ++row) {
      const auto& table = paper.rows;
      PaperResult one;
      one.paper = paper.folder.filename().string();
      one.scenario = std::string(table.cell(row, table.column("scenario")));
      one.baseline = std::string(table.cell(row, table.column("baseline")));
      one.variant = std::string(table.cell(row, table.column("variant")));
      one.metric = std::string(table.cell(row, table.column("metric")));
      one.published = table.number(row, table.column("published"));
      one.band = table.number(row, table.column("band"));
      one.simulated = simulated(runs.at(paper.file_of(row)), table, row);
      all.push_back(one);
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
