#include "sim/cli/serving_measurements.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/core/csv.hpp"

namespace moesim {
namespace {

/// One row by column name.
class Row {
 public:
  Row(const CsvTable& table, std::size_t row) : table_(table), row_(row) {}

  std::string text(std::string_view name) const {
    return std::string(table_.cell(row_, table_.column(name)));
  }

  /// 0 when the cell is empty.
  std::int64_t count(std::string_view name) const {
    const auto column = table_.column(name);
    if (table_.cell(row_, column).empty()) return 0;
    const auto value = table_.integer(row_, column);
    if (value < 0) refuse(column, "a count");
    return value;
  }

  /// 0 when there is no such column: tables of aggregated points have none of pools.
  std::int64_t count_if_there(const std::string& name) const {
    const bool there = std::ranges::find(table_.columns, name) != table_.columns.end();
    return there ? count(name) : 0;
  }

  double positive(std::string_view name) const {
    const auto column = table_.column(name);
    const auto value = table_.number(row_, column);
    if (value <= 0) refuse(column, "a positive number");
    return value;
  }

 private:
  [[noreturn]] void refuse(std::size_t column, const char* wanted) const {
    throw InputError(table_.at(row_, column),
                     fmt::format("column '{}': expected {}, found '{}'", table_.columns[column],
                                 wanted, table_.cell(row_, column)));
  }

  const CsvTable& table_;
  std::size_t row_;
};

ServingMeasurement::Pool pool(const Row& row, const std::string& name) {
  return {
      row.count_if_there(name + "_batch_size"),        row.count_if_there(name + "_num_workers"),
      row.count_if_there(name + "_tp_size"),           row.count_if_there(name + "_pp_size"),
      row.count_if_there(name + "_attention_dp_size"), row.count_if_there(name + "_moe_tp_size"),
      row.count_if_there(name + "_moe_ep_size")};
}

ServingMeasurement measurement(const Row& row, const Location& where) {
  ServingMeasurement m;
  m.where = where;
  m.id = row.text("id");
  m.source = row.text("silicon_data_source");
  m.backend = row.text("backend");
  m.version = row.text("backend_version");
  m.model_path = row.text("model_path");
  m.system = row.text("system");
  m.precision = row.text("precision");
  m.mode = row.text("mode");
  m.gemm_format = row.text("gemm_quant_mode");
  m.moe_format = row.text("moe_quant_mode");
  m.input_tokens = row.count("isl");
  m.output_tokens = row.count("osl");
  m.batch = row.count("batch_size");
  m.tensor = row.count("tp_size");
  m.pipeline = row.count("pp_size");
  m.attention_data = row.count("attention_dp_size");
  m.moe_tensor = row.count("moe_tp_size");
  m.moe_expert = row.count("moe_ep_size");
  m.prefill = pool(row, "prefill");
  m.decode = pool(row, "decode");
  m.ttft_s = row.positive("silicon_ttft_ms") * 1e-3;
  m.tpot_s = row.positive("silicon_tpot_ms") * 1e-3;
  return m;
}

}  // namespace

std::vector<ServingMeasurement> parse_serving_measurements(std::string_view text,
                                                           const std::string& file) {
  const auto table = parse_csv(std::string(text), file);
  std::vector<ServingMeasurement> all;
  for (std::size_t row = 0; row < table.rows(); ++row)
    all.push_back(measurement(Row(table, row), table.at(row, 0)));
  if (all.empty()) throw InputError(file + ": no measurements in it");
  return all;
}

}  // namespace moesim
