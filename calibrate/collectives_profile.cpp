// From tables to a collective profile with its provenance and errors.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "calibrate/collectives.hpp"
#include "calibrate/hold_out.hpp"

namespace moesim {
namespace {

std::string describe(const CollectiveKey& key) {
  std::string text = fmt::format("{} of {} ranks", key.operation, key.ranks);
  if (key.nodes > 1) text += fmt::format(" on {} nodes", key.nodes);
  if (key.sms > 0) text += fmt::format(", {} SMs", key.sms);
  if (!key.scheme.empty()) text += ", " + key.scheme;
  if (!key.kernel.empty()) text += ", " + key.kernel;
  return text;
}

void state_errors(const std::string& split, const std::vector<CollectiveError>& errors,
                  std::vector<HoldOut>& into) {
  SplitErrors all{split, {}};
  for (const auto& e : errors) all.points.push_back({e.error, e.form_error, ""});
  const auto digits = [](double value) { return std::round(value * 1e4) / 1e4 + 0.0; };
  if (all.points.empty()) return;
  for (auto& one : summarise(all)) {
    one.mean = digits(one.mean);
    one.median = digits(one.median);
    one.p90 = digits(one.p90);
    one.bias = digits(one.bias);
    into.push_back(std::move(one));
  }
}

/// What ships: form and curves of the kept sizes, so that its errors are those of the others.
CollectiveFit shipped(const std::vector<CollectiveSample>& samples) {
  const auto kept = kept_sizes(samples);
  std::vector<CollectiveSample> used;
  for (const auto& s : samples)
    if (std::ranges::binary_search(kept, s.size)) used.push_back(s);
  auto fit = fit_collective(used);
  state_errors("unseen size", unseen_sizes(samples), fit.origin.hold_out);
  state_errors("unseen shape", unseen_shapes(samples), fit.origin.hold_out);
  return fit;
}

/// "nccl" of "NCCL", "trtllm" of "TensorRT-LLM": as names of profiles spell them.
std::string short_name(const std::string& library) {
  if (library == "TensorRT-LLM") return "trtllm";
  std::string name;
  for (const char c : library)
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

}  // namespace

FittedCollectives fit_collectives(std::span<const CsvTable> tables, const Device& device,
                                  Provenance provenance, const CollectiveProgress& progress) {
  if (tables.empty()) throw InputError("no table of collectives to fit");
  FittedCollectives result;
  std::vector<CollectiveSample> samples;
  provenance.library = collective_library(tables.front());
  for (const auto& table : tables) {
    if (const auto library = collective_library(table); library != provenance.library)
      throw InputError(Location{table.file, 1, 1},
                       fmt::format("a table of {}, but {} is of {}: a profile holds one library",
                                   library, tables.front().file, provenance.library));
    auto imported = import_collectives(table, device);
    samples.insert(samples.end(), std::make_move_iterator(imported.samples.begin()),
                   std::make_move_iterator(imported.samples.end()));
    for (const auto& [why, rows] : imported.left_out) result.left_out[why] += rows;
    provenance.tables.push_back(std::filesystem::path(table.file).filename().string());
  }
  auto& profile = result.profile;
  for (const auto& [key, group] : by_group(samples)) {
    if (kept_sizes(group).size() < kFewestSizes) {
      result.left_out[describe(key) + ": too few sizes to fit"] +=
          static_cast<std::int64_t>(group.size());
      continue;
    }
    if (progress) progress(describe(key));
    profile.fits.push_back(shipped(group));
  }
  if (profile.fits.empty())
    throw InputError(
        fmt::format("nothing to fit: {} has no operation that was measured at {} or more sizes",
                    tables.front().file, 2 * kFewestSizes - 2));
  profile.device = device.name;
  profile.name =
      fmt::format("{}.{}-{}", device.name, short_name(provenance.library), provenance.version);
  profile.provenance = std::move(provenance);
  return result;
}

std::string describe_collectives(const CollectiveProfile& profile) {
  std::string text;
  for (const auto& fit : profile.fits) {
    text += fmt::format("{}: {:.1f} us + bytes / {:.1f} GB/s",
                        describe({fit.operation, fit.origin.kernel, fit.origin.scheme, fit.nodes,
                                  fit.ranks, fit.sms}),
                        fit.form.start.value * 1e6, fit.form.bandwidth.value * 1e-9);
    for (const auto& h : fit.origin.hold_out)
      if (h.regime.empty())
        text += fmt::format("; {} ({}): mean {:.1f} %, p90 {:.1f} % of {}", h.split,
                            name_of(h.tier), h.mean * 100, h.p90 * 100, h.points);
    text += '\n';
  }
  return text;
}

}  // namespace moesim
