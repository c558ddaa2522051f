// `moesim calibrate import` and `check`: third-party tables to a profile, and a profile against
// tables.
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <map>

#include "calibrate/check.hpp"
#include "calibrate/collectives.hpp"
#include "calibrate/import.hpp"
#include "calibrate/llmservingsim.hpp"
#include "models/cost/profile_catalogue.hpp"
#include "models/device/catalogue.hpp"
#include "sim/cli/command.hpp"
#include "sim/core/data_path.hpp"
#include "sim/core/output_file.hpp"
#include "sim/report/ledger.hpp"

namespace moesim {
namespace {

std::string percent(double fraction) { return fmt::format("{:.1f} %", 100 * fraction); }

void print_left_out(const std::map<std::string, std::int64_t>& left_out) {
  for (const auto& [why, rows] : left_out) fmt::print("  left out {:>7}  {}\n", rows, why);
}

void print_hold_out(const std::string& operation, const FitOrigin& origin) {
  fmt::print("\n{} {} {}: {} rows\n", operation, origin.scheme, origin.kernel, origin.points);
  for (const auto& h : origin.hold_out)
    fmt::print("  {:<20}{:<18}{:<10}n {:>6}  mean {:>7}  median {:>7}  p90 {:>7}\n", h.split,
               h.regime.empty() ? "all" : h.regime, h.tier == CostTier::fit ? "fit" : "residual",
               h.points, percent(h.mean), percent(h.median), percent(h.p90));
}

std::string stem_of(const std::string& out) {
  if (!out.ends_with(".yaml"))
    throw InputError(fmt::format("--out must end in .yaml, found '{}'", out));
  return out.substr(0, out.size() - 5);
}

Measured read_tables(const std::vector<std::string>& tables, const std::string& model) {
  Measured measured;
  for (const auto& path : tables) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
      add_llmservingsim(measured, path, model);
    else
      measured.add(read_csv(path));
  }
  return measured;
}

}  // namespace

void print_profile_errors(const Profile& profile) {
  for (const auto& fit : profile.gemm) print_hold_out("gemm", fit.origin);
  for (const auto& fit : profile.experts) print_hold_out("experts", fit.origin);
  for (const auto& fit : profile.prefill) print_hold_out("prefill", fit.origin);
  for (const auto& fit : profile.decode) print_hold_out("decode", fit.origin);
  for (const auto& fit : profile.elementwise) print_hold_out("element-wise", fit.origin);
}

void write_profile(const Profile& profile, const std::string& out) {
  const auto grids = stem_of(out) + ".residual.csv";
  write_output_file(grids, residual_text(profile));
  write_output_file(out, profile_yaml(profile));
}

/// Tables of collectives make a profile of their own kind; nothing when no table is of one.
bool import_collective_tables(const CalibrateImportOptions& o, const Provenance& provenance) {
  std::vector<CsvTable> tables;
  std::size_t collective = 0;
  for (const auto& path : o.tables) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) continue;
    tables.push_back(read_csv(path));
    collective += is_collective_table(tables.back());
  }
  if (collective == 0) return false;
  if (collective < o.tables.size())
    throw InputError(
        "tables of collectives and of kernels make different profiles: import them in "
        "two calls");
  const auto fitted =
      fit_collectives(tables, load_device(data_path("models/device"), o.device), provenance);
  write_output_file(o.out, collective_profile_yaml(fitted.profile));
  fmt::print("{}: collectives of {} table{}\n", o.out, tables.size(),
             tables.size() == 1 ? "" : "s");
  print_left_out(fitted.left_out);
  fmt::print("\n{}", describe_collectives(fitted.profile));
  return true;
}

int calibrate_import_command(const CalibrateImportOptions& o) {
  const auto stem = stem_of(o.out);
  check_writable(o.out);
  ImportRequest request;
  request.tables = o.tables;
  request.name = std::filesystem::path(stem).filename().string();
  request.device = o.device;
  request.model = o.model;
  request.provenance.source = o.source;
  request.provenance.licence = o.licence;
  request.provenance.library = o.library;
  request.provenance.version = o.version;
  request.provenance.driver = o.driver;
  request.provenance.kind = "imported";
  request.provenance.date = fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)));
  if (import_collective_tables(o, request.provenance)) return 0;
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto imported =
      import_profile(request, request.provenance.date, [&](const std::string& what) {
        if (terminal) fmt::print(stderr, "fitting {}\n", what);
      });
  write_profile(imported.profile, o.out);
  fmt::print("{}: {} rows of {} table{}\n", o.out, imported.rows, o.tables.size(),
             o.tables.size() == 1 ? "" : "s");
  print_left_out(imported.left_out);
  fmt::print("\nerrors on rows that were held out of the fit:\n");
  print_profile_errors(imported.profile);
  return 0;
}

int calibrate_check_command(const CalibrateCheckOptions& o) {
  const auto profile = read_profile(profile_file(o.profile));
  const auto device = load_device(data_path("models/device"), profile.device);
  auto measured = read_tables(o.tables, o.model);
  auto checked = check_profile(profile, device, measured);
  for (const auto& [why, rows] : measured.left_out) checked.left_out[why] += rows;
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<double>> groups;
  for (const auto& p : checked.points) {
    groups[{p.operation, p.relation, p.regime}].push_back(p.error);
    if (!p.regime.empty()) groups[{p.operation, p.relation, ""}].push_back(p.error);
  }
  fmt::print("{} against {} rows\n", profile.name, checked.points.size());
  print_left_out(checked.left_out);
  if (!groups.empty())
    fmt::print("\n{:<58}{:<20}{:<18}{:>8}{:>10}{:>10}{:>10}\n", "operation", "row is", "regime",
               "rows", "median", "p90", "bias");
  for (const auto& [key, errors] : groups) {
    const auto e = error_statistics(errors);
    fmt::print("{:<58}{:<20}{:<18}{:>8}{:>10}{:>10}{:>10}\n", std::get<0>(key), std::get<1>(key),
               std::get<2>(key).empty() ? "all" : std::get<2>(key), e.n, percent(e.median_abs),
               percent(e.p90_abs), percent(e.bias));
  }
  return 0;
}

}  // namespace moesim
