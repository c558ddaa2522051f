#include "calibrate/suite_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "calibrate/suite_device.hpp"
#include "calibrate/suite_rows.hpp"

namespace moesim {
namespace {

/// "Eigen 3.4.0" of the products: the library of the dense ones, else of the experts.
std::string library_of(const Suite& suite) {
  for (const auto* operation : {"gemm", "grouped_gemm", "attention_decode"})
    for (const auto& table : suite.tables) {
      const SuiteRows from(table, {operation});
      if (!from.rows().empty()) return std::string(from.cell(from.rows().front(), "library"));
    }
  return "unknown";
}

Provenance provenance_of(const Suite& suite) {
  const auto& record = suite.record;
  Provenance p;
  p.kind = "measured";
  p.source = fmt::format(
      "suite of moesim {} on {}{}", record.version, record.name,
      record.host_cpu.empty() || record.kind == "cpu" ? "" : ", host " + record.host_cpu);
  p.licence = "not stated";  // whoever measured says so
  const auto library = library_of(suite);
  const auto blank = library.find(' ');
  p.library = library.substr(0, blank);
  p.version = blank == std::string::npos ? "unknown" : library.substr(blank + 1);
  for (const auto& [name, text] : record.before)
    if (name == "driver") p.driver = text;
  p.date = record.date_utc.substr(0, 10);
  if (record.noise.anchors.size() > 1) {
    p.anchor_cv = record.noise.cv();
    p.drift = 0;
    for (const double d : record.noise.drift())
      if (std::fabs(d) > std::fabs(*p.drift)) p.drift = d;
  }
  for (const auto& table : suite.tables)
    p.tables.push_back(std::filesystem::path(table.file).filename().string());
  return p;
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

}  // namespace

SuiteProfile fit_suite(const FitRequest& request, const FitProgress& progress) {
  const auto suite = read_suite(request.folder);
  const auto device = suite_device(suite, request.device);
  Measured measured;
  SuiteProfile result;
  for (const auto& table : suite.tables) {
    add_suite_rows(measured, table);
    if (!SuiteRows(table, {"moe_layer"}).rows().empty()) result.layers = layer_timings(table);
  }
  result.rows = static_cast<std::int64_t>(measured.size());
  result.profile = fit_profile(measured, device.device, progress);
  result.left_out = std::move(measured.left_out);
  auto& p = result.profile;
  p.device = device.device.name;
  if (!device.catalogued) p.measured_device = device.device;
  p.provenance = provenance_of(suite);
  p.name = !request.name.empty() ? request.name
                                 : fmt::format("{}.{}-{}", p.device, lower(p.provenance.library),
                                               p.provenance.version);
  return result;
}

}  // namespace moesim
