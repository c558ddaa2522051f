#include "sim/cli/kernel_accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <numeric>
#include <optional>

#include "calibrate/aiconfigurator.hpp"
#include "calibrate/check.hpp"
#include "calibrate/hold_out.hpp"
#include "calibrate/repeated_work.hpp"
#include "models/cost/profile_catalogue.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"
#include "sim/core/parallel.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

/// "h100_sxm.sglang-0.5.14.moe.csv.gz": device, library with version.
struct TableName {
  std::string device, library;
};

std::optional<TableName> name_of_table(const std::string& file) {
  const auto stem = file.substr(0, file.find(".csv"));
  const auto first = stem.find('.'), last = stem.rfind('.');
  if (first == std::string::npos || first >= last) return std::nullopt;
  return TableName{stem.substr(0, first), stem.substr(first + 1, last - first - 1)};
}

struct Targets {
  double median, p90;
};

/// design goals: kernels of known and unknown shapes, GEMM, attention.
std::optional<Targets> targets_of(const std::string& operation, const std::string& relation) {
  if (operation.starts_with("experts") && relation == "unseen token count") return {{0.03, 0.10}};
  if (operation.starts_with("experts") && relation == "unseen shape") return {{0.09, 0.27}};
  if (operation.starts_with("gemm") && (relation == "unseen (n, k)" || relation == "unseen m"))
    return {{0.05, 0.15}};
  if (relation == "unseen length") return {{0.04, 0.16}};
  return std::nullopt;
}

/// Errors of all tables, by kind of operation, relation and regime.
using PooledErrors =
    std::map<std::tuple<std::string, std::string, std::string>, std::vector<double>>;

std::string kind_of(const std::string& operation) {
  for (const auto* kind : {"experts", "gemm"})
    if (operation.starts_with(kind)) return kind;
  return "attention";
}

LedgerEntry entry_of(std::string group, const std::string& relation, const std::string& regime,
                     std::span<const double> errors) {
  LedgerEntry e;
  e.name = "kernels";
  e.group = std::move(group);
  e.metric = relation + (regime.empty() ? "" : ", " + regime);
  e.errors = error_statistics(errors);
  return e;
}

/// Errors of one table, by operation, relation and regime ("" holds all regimes).
class Groups {
 public:
  void add(const std::string& operation, const std::string& relation, const std::string& regime,
           double error, double form_error) {
    for (const auto& which : {std::string(), regime}) {
      auto& group = groups_[{operation, relation, which}];
      group.first.push_back(error);
      group.second.push_back(form_error);
      if (regime.empty()) break;
    }
  }

  /// Of rows of one operation that are the same work, timed twice.
  void add_least(const std::string& operation, std::vector<double> errors) {
    if (!errors.empty()) least_[operation] = std::move(errors);
  }

  void write(const std::string& device, const std::string& library,
             std::vector<LedgerEntry>& out) const {
    for (const auto& [key, errors] : groups_) {
      const auto& [operation, relation, regime] = key;
      const auto group = fmt::format("{} {} {}", device, library, operation);
      auto corrected = entry_of(group, relation, regime, errors.first);
      if (const auto goals = targets_of(operation, relation); goals && regime.empty()) {
        corrected.target = goals->median;
        corrected.target_p90 = goals->p90;
        // Of a shape that was measured, the grid knows which of its times is meant.
        const auto least = least_.find(operation);
        if (least != least_.end() && relation != "unseen token count")
          corrected.least = error_statistics(least->second);
      }
      out.push_back(std::move(corrected));
      if (regime.empty())
        out.push_back(entry_of(group, relation + " (form alone)", "", errors.second));
    }
  }

  /// Relations that have a target.
  void pool(PooledErrors& pooled) const {
    for (const auto& [key, errors] : groups_) {
      const auto& [operation, relation, regime] = key;
      if (!targets_of(operation, relation)) continue;
      auto& all = pooled[{kind_of(operation), relation, regime}];
      all.insert(all.end(), errors.first.begin(), errors.first.end());
    }
  }

 private:
  std::map<std::tuple<std::string, std::string, std::string>,
           std::pair<std::vector<double>, std::vector<double>>>
      groups_;
  std::map<std::string, std::vector<double>> least_;
};

template <class Sample, class Key>
void refit(const std::vector<Sample>& samples, const Device& device, bool shipped, Key key,
           Groups& groups) {
  std::map<decltype(key(samples.front())), std::vector<Sample>> kinds;
  for (const auto& s : samples) kinds[key(s)].push_back(s);
  for (const auto& [_, kind] : kinds) {
    if constexpr (requires { least_errors(std::span<const Sample>(kind)); })
      groups.add_least(operation_of(kind.front()), least_errors(std::span<const Sample>(kind)));
    for (const auto& split : hold_out(std::span<const Sample>(kind), device)) {
      // Token counts between those of the shipped profile are tested with that profile itself.
      if (shipped && split.split == "unseen token count") continue;
      for (const auto& p : split.points)
        groups.add(operation_of(kind.front()), split.split, p.regime, p.error, p.form_error);
    }
  }
}

struct TableResult {
  std::vector<LedgerEntry> entries;
  PooledErrors pooled;
  std::int64_t rows = 0;
  std::map<std::string, std::int64_t> left_out;
  bool known = false;
};

TableResult accuracy_of(const fs::path& file) {
  TableResult result;
  const auto name = name_of_table(file.filename().string());
  if (!name) return result;
  const auto table = read_csv(file.string());
  try {
    recognise(table);
  } catch (const InputError&) {
    return result;
  }
  result.known = true;
  const auto device = load_device(data_path("models/device"), name->device);
  Measured measured;
  measured.add(table);
  result.rows = static_cast<std::int64_t>(table.rows());
  result.left_out = measured.left_out;
  Groups groups;
  const auto profile = device.name + "." + name->library;
  const auto names = profile_names();
  const bool shipped = std::ranges::find(names, profile) != names.end();
  if (shipped) {
    const auto checked = check_profile(read_profile(profile_file(profile)), device, measured);
    for (const auto& p : checked.points)
      if (p.relation != "calibration point")
        groups.add(p.operation, p.relation, p.regime, p.error, p.form_error);
    for (const auto& [why, rows] : checked.left_out) result.left_out[why] += rows;
  }
  refit(
      measured.gemm, device, shipped, [](const GemmSample& s) { return s.format; }, groups);
  refit(
      measured.experts, device, shipped,
      [](const ExpertsSample& s) { return std::pair(s.format, s.gated); }, groups);
  refit(
      measured.attention, device, shipped,
      [](const AttentionSample& s) {
        return std::tuple(s.decode, s.shape.kind, s.math, s.shape.kv);
      },
      groups);
  groups.write(device.name, name->library, result.entries);
  groups.pool(result.pooled);
  return result;
}

std::vector<fs::path> kernel_tables_in(const std::string& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    if (name.ends_with(".csv") || name.ends_with(".csv.gz")) files.push_back(entry.path());
  }
  if (error) throw InputError(fmt::format("{}: cannot read: {}", folder, error.message()));
  std::ranges::sort(files);
  return files;
}

/// So that no core is left with a long table at the end.
std::vector<std::size_t> largest_tables_first(const std::vector<fs::path>& files) {
  std::vector<std::size_t> order(files.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater{},
                           [&](std::size_t i) { return fs::file_size(files[i]); });
  return order;
}

}  // namespace

KernelAccuracy kernel_accuracy(const std::string& folder, unsigned jobs,
                               const std::function<void(std::size_t, std::size_t)>& progress) {
  const auto files = kernel_tables_in(folder);
  std::vector<TableResult> results(files.size());
  std::size_t done = 0;
  std::mutex reporting;
  const auto order = largest_tables_first(files);
  for_each_in_parallel(files.size(), jobs, [&](std::size_t next) {
    const auto i = order[next];
    results[i] = accuracy_of(files[i]);
    const std::lock_guard lock(reporting);
    if (progress) progress(++done, files.size());
  });
  KernelAccuracy all;
  PooledErrors pooled;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto& one = results[i];
    if (!one.known) all.unknown_tables.push_back(files[i].filename().string());
    all.rows += one.rows;
    for (const auto& [why, rows] : one.left_out) all.left_out[why] += rows;
    std::ranges::move(one.entries, std::back_inserter(all.entries));
    for (const auto& [key, errors] : one.pooled)
      pooled[key].insert(pooled[key].end(), errors.begin(), errors.end());
  }
  for (const auto& [key, errors] : pooled) {
    const auto& [kind, relation, regime] = key;
    auto entry = entry_of("all tables, " + kind, relation, regime, errors);
    if (const auto goals = targets_of(kind, relation); goals && regime.empty()) {
      entry.target = goals->median;
      entry.target_p90 = goals->p90;
    }
    all.entries.push_back(std::move(entry));
  }
  return all;
}

}  // namespace moesim
