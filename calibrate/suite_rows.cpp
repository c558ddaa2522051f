#include "calibrate/suite_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace moesim {

SuiteRows::SuiteRows(const CsvTable& table, std::initializer_list<std::string_view> operations)
    : table_(table) {
  const auto op = table.column("op");
  for (std::size_t row = 0; row < table.rows(); ++row)
    if (std::ranges::find(operations, table.cell(row, op)) != operations.end())
      rows_.push_back(row);
}

std::string_view SuiteRows::cell(std::size_t row, std::string_view column) const {
  return table_.cell(row, table_.column(column));
}

std::int64_t SuiteRows::count(std::size_t row, std::string_view name, std::int64_t least) const {
  const auto column = table_.column(name);
  const auto value = table_.integer(row, column);
  if (value < least)
    throw InputError(table_.at(row, column), fmt::format("{} must be at least {}", name, least));
  return value;
}

double SuiteRows::number(std::size_t row, std::string_view column) const {
  return table_.number(row, table_.column(column));
}

std::vector<std::int32_t> SuiteRows::counts(std::size_t row, std::string_view name) const {
  const auto column = table_.column(name);
  const auto text = table_.cell(row, column);
  std::vector<std::int32_t> values;
  for (const char* at = text.data(); at != text.data() + text.size();) {
    std::int32_t value = -1;
    const auto [end, error] = std::from_chars(at, text.data() + text.size(), value);
    if (error != std::errc() || value < 0)
      throw InputError(table_.at(row, column), "expected whole numbers with blanks between them");
    values.push_back(value);
    at = end;
    while (at != text.data() + text.size() && *at == ' ') ++at;
  }
  if (values.empty()) throw InputError(table_.at(row, column), "no expert has a count");
  return values;
}

std::optional<double> SuiteRows::time_s(std::size_t row) const {
  const bool shared_core = cell(row, "timer") == "thread_cpu";
  const auto column = table_.column(shared_core ? "p25_us" : "latency_us");
  if (table_.cell(row, column).empty()) return std::nullopt;
  const double time_us = table_.number(row, column);
  if (!(time_us > 0)) throw InputError(table_.at(row, column), "a time of zero or less");
  return time_us * 1e-6;
}

Dtype SuiteRows::dtype(std::size_t row, std::string_view column) const {
  const auto name = cell(row, column);
  if (name == "fp32") return Dtype::fp32;
  if (name == "bf16") return Dtype::bf16;
  if (name == "fp8" || name == "fp8_block") return Dtype::fp8;
  throw InputError(
      table_.at(row, table_.column(column)),
      fmt::format("unknown number format '{}' (valid: bf16, fp32, fp8, fp8_block)", name));
}

KernelFormat SuiteRows::format(std::size_t row, std::string_view column) const {
  KernelFormat format{dtype(row, column), std::string(cell(row, column)), ""};
  const auto library = cell(row, "library");
  const auto name = library.substr(0, library.find(' '));
  format.kernel = name == "CUDA" ? "own" : std::string(name);
  return format;
}

}  // namespace moesim
