#include "sim/cli/collective_accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "calibrate/collectives.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> tables_in(const std::string& reference_folder) {
  const fs::path folder = fs::path(reference_folder) / "comm";
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    if (name.ends_with(".csv") || name.ends_with(".csv.gz")) files.push_back(entry.path().string());
  }
  if (error || files.empty())
    throw InputError(
        fmt::format("no reference data: {} has no tables; set the environment variable "
                    "MOESIM_REFERENCE_DATA to the folder that has 'comm' with tables of "
                    "collectives in it",
                    folder.lexically_normal().string()));
  std::ranges::sort(files);
  return files;
}

/// "h100-sxm" of "comm/h100_sxm.nccl-2.29.2.csv".
std::string device_of(const std::string& file) {
  auto name = fs::path(file).filename().string();
  name = name.substr(0, name.find('.'));
  std::ranges::replace(name, '_', '-');
  return name;
}

/// The design's targets are for NCCL and DeepEP's low-latency kernels.
std::optional<double> target_of(const std::string& library, const std::string& operation) {
  if (library == "NCCL") return 0.08;
  if (operation.starts_with("low-latency")) return 0.05;
  return std::nullopt;
}

/// Errors by group of the ledger, in order of appearance.
class Entries {
 public:
  void add(const std::string& group, const std::string& metric, std::optional<double> target,
           std::vector<double> errors, std::int64_t left_out) {
    if (errors.empty() && left_out == 0) return;
    const auto [at, added] = index_.emplace(std::pair(group, metric), errors_.size());
    if (added) {
      errors_.emplace_back();
      entries_.push_back({"collectives", group, metric, {}, 0, target, target});
    }
    auto& all = errors_[at->second];
    all.insert(all.end(), errors.begin(), errors.end());
    entries_[at->second].left_out += left_out;
  }
  std::vector<LedgerEntry> take() {
    for (std::size_t i = 0; i < entries_.size(); ++i)
      entries_[i].errors = error_statistics(errors_[i]);
    return std::move(entries_);
  }

 private:
  std::map<std::pair<std::string, std::string>, std::size_t> index_;
  std::vector<LedgerEntry> entries_;
  std::vector<std::vector<double>> errors_;
};

std::vector<double> values_of(const std::vector<CollectiveError>& errors) {
  std::vector<double> values;
  for (const auto& e : errors) values.push_back(e.error);
  return values;
}

/// The shipped profile that was made from a table, if there is one.
std::optional<CollectiveProfile> shipped_profile(const std::string& device,
                                                 const std::string& file) {
  const auto table = fs::path(file).filename().string();
  for (const auto& name : collective_profile_names(device)) {
    auto profile = read_collective_profile(collective_profile_file(name));
    if (std::ranges::find(profile.provenance.tables, table) != profile.provenance.tables.end())
      return profile;
  }
  return std::nullopt;
}

const CollectiveFit* fit_of(const CollectiveProfile& profile, const CollectiveKey& key) {
  const auto found = std::ranges::find_if(profile.fits, [&](const CollectiveFit& f) {
    return f.operation == key.operation && f.origin.kernel == key.kernel &&
           f.origin.scheme == key.scheme && f.nodes == key.nodes && f.ranks == key.ranks &&
           f.sms == key.sms;
  });
  return found == profile.fits.end() ? nullptr : &*found;
}

/// Errors of the shipped fit on the samples whose shape and size it does not hold.
std::vector<double> shipped_errors(const CollectiveFit& fit,
                                   const std::vector<CollectiveSample>& samples) {
  std::vector<double> errors;
  for (const auto& s : samples) {
    const bool fitted = std::ranges::any_of(fit.curves, [&](const CollectiveCurve& c) {
      return c.shape() == s.shape && std::ranges::binary_search(c.sizes, s.size);
    });
    if (!fitted) errors.push_back(fit.predict(s.work(), s.shape).time.value / s.time_s - 1);
  }
  return errors;
}

void add_table(const std::string& file, const CsvTable& table, Entries& entries) {
  const auto device = device_of(file);
  const auto devices = description_names(data_path("models/device"));
  if (std::ranges::find(devices, device) == devices.end()) {
    entries.add(fmt::format("{}: device unknown", fs::path(file).filename().string()),
                "unseen size", {}, {}, static_cast<std::int64_t>(table.rows()));
    return;
  }
  const auto library = collective_library(table);
  const auto imported = import_collectives(table, load_device(data_path("models/device"), device));
  const auto profile = shipped_profile(device, file);
  for (const auto& [key, samples] : by_group(imported.samples)) {
    const auto scope = key.nodes == 1 ? "intra-node" : fmt::format("{} nodes", key.nodes);
    const auto version = profile ? " " + profile->provenance.version : "";
    const auto group =
        fmt::format("{}, {}{}, {}, {}", device, library, version, key.operation, scope);
    const auto target = target_of(library, key.operation);
    const auto rows = static_cast<std::int64_t>(samples.size());
    auto unseen = values_of(unseen_sizes(samples));
    const bool too_few = unseen.empty();
    entries.add(group, "unseen size", target, std::move(unseen), too_few ? rows : 0);
    entries.add(group, "unseen shape", {}, values_of(unseen_shapes(samples)), 0);
    const auto* fit = profile ? fit_of(*profile, key) : nullptr;
    if (fit != nullptr)
      entries.add(group, "shipped", target, shipped_errors(*fit, samples), 0);
    else
      entries.add(group, "shipped", target, {}, rows);
  }
}

}  // namespace

std::vector<LedgerEntry> collective_accuracy(const std::string& reference_folder) {
  Entries entries;
  for (const auto& file : tables_in(reference_folder)) {
    const auto table = read_csv(file);
    if (is_collective_table(table)) add_table(file, table, entries);
  }
  auto ledger = entries.take();
  if (ledger.empty())
    throw InputError(
        fmt::format("no reference data: no table in {} is of collectives",
                    (fs::path(reference_folder) / "comm").lexically_normal().string()));
  return ledger;
}

}  // namespace moesim
