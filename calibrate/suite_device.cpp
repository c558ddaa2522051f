#include "calibrate/suite_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>

#include "calibrate/suite_rows.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"

namespace moesim {
namespace {

std::string slug(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '.')
      text += static_cast<char>(std::tolower(byte));
    else if (!text.empty() && text.back() != '-')
      text += '-';
  }
  while (!text.empty() && text.back() == '-') text.pop_back();
  return text;
}

std::optional<double> property(const BenchRecord& record, std::string_view name) {
  for (const auto& [key, text] : record.before)
    if (key == name) return std::strtod(text.c_str(), nullptr);
  return std::nullopt;
}

std::string text_property(const BenchRecord& record, std::string_view name) {
  for (const auto& [key, text] : record.before)
    if (key == name) return text;
  return "";
}

void raise(std::optional<FlopPerSecond>& peak, double rate) {
  if (!peak || peak->value < rate) peak = FlopPerSecond(rate);
}

void raise_peak(FlopRates& flops, Dtype dtype, double rate) {
  if (dtype == Dtype::fp32) raise(flops.fp32, rate);
  if (dtype == Dtype::bf16) raise(flops.bf16, rate);
  if (dtype == Dtype::fp8) raise(flops.fp8, rate);
}

/// The fastest products, dense or of experts.
FlopRates measured_peaks(const Suite& suite) {
  FlopRates flops;
  for (const auto& table : suite.tables) {
    const SuiteRows dense(table, {"gemm"}), experts(table, {"grouped_gemm"});
    for (const auto row : dense.rows())
      if (const auto time_s = dense.time_s(row))
        raise_peak(
            flops, dense.dtype(row, "dtype"),
            2 * dense.number(row, "m") * dense.number(row, "n") * dense.number(row, "k") / *time_s);
    for (const auto row : experts.rows())
      if (const auto time_s = experts.time_s(row); time_s && experts.cell(row, "stage") == "both")
        raise_peak(flops, experts.dtype(row, "dtype"),
                   6 * experts.number(row, "hidden") * experts.number(row, "intermediate") *
                       experts.number(row, "tokens") / *time_s);
  }
  return flops;
}

/// The fastest rate among the cold rows of an operation whose `column` is `value`; 0 when there is
/// none.
double fastest(const Suite& suite, std::string_view operation, std::string_view column,
               std::string_view value) {
  double best = 0;
  for (const auto& table : suite.tables) {
    const SuiteRows from(table, {operation});
    for (const auto row : from.rows())
      if (from.cell(row, column) == value && !from.warm(row) &&
          !from.cell(row, "bandwidth_Bps").empty())
        best = std::max(best, from.number(row, "bandwidth_Bps"));
  }
  return best;
}

Device measured_description(const Suite& suite) {
  const auto& record = suite.record;
  Device device;
  device.name = slug(record.name);
  if (device.name.empty()) device.name = record.kind;
  device.vendor = record.kind == "cuda" ? "nvidia" : "";
  device.compute_capability = text_property(record, "compute_capability");
  device.flops = measured_peaks(suite);
  device.memory_bandwidth = BytesPerSecond(fastest(suite, "memory_stream", "pattern", "read"));
  const auto& f = device.flops;
  if (!(f.fp32 || f.bf16 || f.fp8) || device.memory_bandwidth.value <= 0)
    throw InputError(fmt::format(
        "{}: neither in the catalogue nor described by its measurements, which need products (gemm "
        "or grouped_gemm) and reads (memory_stream); name a device with --device",
        suite.folder));
  const auto memory = property(record, "memory_bytes");
  device.memory = Bytes(memory.value_or(property(record, "host_memory_bytes").value_or(0)));
  if (device.memory.value <= 0)
    throw InputError(suite.folder + "/run.json: it does not say how much memory the device has");
  const auto cache = property(record, "l2_bytes");
  device.l2 = Bytes(cache.value_or(property(record, "host_l3_bytes").value_or(0)));
  device.sms =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(property(record, "sms").value_or(1)));
  const double copy = fastest(suite, "host_copy", "direction", "h2d");
  // Where copies were not measured: what memory gives, which no copy exceeds.
  device.pcie = BytesPerSecond(copy > 0 ? copy : device.memory_bandwidth.value);
  device.power_w = property(record, "power_limit_w").value_or(0);
  return device;
}

}  // namespace

std::string catalogue_name(const std::string& driver_name) {
  const auto whole = slug(driver_name);
  const std::string vendor = "nvidia-";
  const auto wanted = whole.starts_with(vendor) ? whole.substr(vendor.size()) : whole;
  const auto folder = data_path("models/device");
  for (const auto& stem : description_names(folder)) {
    const auto aliases = read_description(folder + "/" + stem + ".yaml").aliases;
    const auto is_wanted = [&](const std::string& name) {
      return slug(name) == wanted || slug(name) == whole;
    };
    if (is_wanted(stem) || std::ranges::any_of(aliases, is_wanted)) return stem;
  }
  return "";
}

SuiteDevice suite_device(const Suite& suite, const std::string& wanted) {
  const auto name = !wanted.empty()               ? wanted
                    : suite.record.kind == "cuda" ? catalogue_name(suite.record.name)
                                                  : std::string();
  if (!name.empty()) return {load_device(data_path("models/device"), name), true};
  return {measured_description(suite), false};
}

}  // namespace moesim
