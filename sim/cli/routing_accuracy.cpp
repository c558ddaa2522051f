#include "sim/cli/routing_accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "calibrate/routing_fit.hpp"

namespace moesim {
namespace {

std::vector<std::string> traces_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("esft_") && name.ends_with(".csv.gz")) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  if (files.size() < 2)
    throw InputError(fmt::format("{}: fewer than two recorded tasks (esft_*.csv.gz)", folder));
  return files;
}

/// Design goals: distinct experts within 5 %, everything else within 10 %.
double target_of(const std::string& statistic) {
  return statistic.starts_with("distinct") ? 0.05 : 0.10;
}

}  // namespace

std::vector<LedgerEntry> routing_accuracy(const std::string& folder, unsigned jobs) {
  std::vector<RecordedTrace> traces;
  std::vector<std::string> names;
  for (const auto& file : traces_in(folder)) {
    traces.push_back(read_recorded_trace(file, {26, 64, 6}));
    names.push_back(std::filesystem::path(file).filename().string());
  }
  std::vector<std::string> order;
  std::map<std::string, std::vector<double>> errors, differences;
  for (const auto& check : check_routing_fit(traces, names, jobs)) {
    if (!errors.contains(check.statistic)) order.push_back(check.statistic);
    errors[check.statistic].push_back(check.error());
    differences[check.statistic].push_back(check.difference());
  }
  std::vector<LedgerEntry> entries;
  for (const auto& statistic : order) {
    LedgerEntry entry;
    entry.name = "routing";
    entry.group = "an unseen task of DeepSeek-V2-Lite";
    entry.metric = statistic;
    entry.errors = error_statistics(errors[statistic]);
    entry.target = target_of(statistic);
    entries.push_back(entry);
    entry.metric += " (mean of the other tasks)";
    entry.errors = error_statistics(differences[statistic]);
    entry.target.reset();
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace moesim
