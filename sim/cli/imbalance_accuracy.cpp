#include "sim/cli/imbalance_accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "calibrate/aiconfigurator.hpp"
#include "calibrate/check.hpp"
#include "calibrate/imbalance_check.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"
#include "sim/core/parallel.hpp"

namespace moesim {
namespace {

// The design goals of an unseen shape: here too no row like the predicted one was fitted.
constexpr double kMedianTarget = 0.09, kP90Target = 0.27;

std::vector<std::filesystem::path> h100_tables(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("h100_") && name.ends_with(".moe.csv.gz")) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  if (files.empty())
    throw InputError(
        fmt::format("{}: no table of routed experts on H100 (h100_*.moe.csv.gz)", folder));
  return files;
}

std::vector<double> errors_of(const std::vector<ImbalancePoint>& points,
                              double ImbalancePoint::*which, const std::string& regime = "") {
  std::vector<double> errors;
  for (const auto& p : points)
    if (regime.empty() || p.regime == regime) errors.push_back(p.*which);
  return errors;
}

void add_entries(const std::string& group, const std::vector<ImbalancePoint>& points,
                 std::vector<LedgerEntry>& entries) {
  const auto add = [&](const std::string& metric, const std::vector<double>& errors) -> auto& {
    LedgerEntry entry;
    entry.name = "routing";
    entry.group = group;
    entry.metric = metric;
    entry.errors = error_statistics(errors);
    return entries.emplace_back(std::move(entry));
  };
  auto& all = add("power law from balanced rows", errors_of(points, &ImbalancePoint::error));
  all.target = kMedianTarget;
  all.target_p90 = kP90Target;
  add("power law from balanced rows, decode",
      errors_of(points, &ImbalancePoint::error, "decode skewed"));
  add("power law from balanced rows, prefill",
      errors_of(points, &ImbalancePoint::error, "prefill skewed"));
  add("power law taken for balanced", errors_of(points, &ImbalancePoint::balanced_error));
  add("five draws against ten others", errors_of(points, &ImbalancePoint::draw_error));
}

}  // namespace

std::vector<LedgerEntry> imbalance_accuracy(const std::string& folder, unsigned jobs) {
  struct KernelGroup {
    Device device;
    std::string name;
    std::vector<ExpertsSample> samples;
    std::vector<ImbalancePoint> points;
  };
  std::vector<KernelGroup> groups;
  for (const auto& file : h100_tables(folder)) {
    const auto name = file.filename().string();
    const auto first = name.find('.'), last = name.find(".moe.csv");
    const auto device = load_device(data_path("models/device"), name.substr(0, first));
    std::map<std::string, std::vector<ExpertsSample>> kinds;
    for (auto& sample : import_experts(read_csv(file.string())).samples)
      kinds[operation_of(sample)].push_back(std::move(sample));
    for (auto& [operation, samples] : kinds)
      groups.push_back({device,
                        fmt::format("{} {} {}", device.name,
                                    name.substr(first + 1, last - first - 1), operation),
                        std::move(samples),
                        {}});
  }
  for_each_in_parallel(groups.size(), jobs, [&](std::size_t i) {
    groups[i].points = check_imbalance(groups[i].samples, groups[i].device);
  });
  std::vector<LedgerEntry> entries;
  for (const auto& group : groups)
    if (!group.points.empty()) add_entries(group.name, group.points, entries);
  return entries;
}

}  // namespace moesim
