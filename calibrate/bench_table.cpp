#include "calibrate/bench_table.hpp"

#include <algorithm>
#include <vector>

#include "calibrate/bench_suite.hpp"

namespace moesim {
namespace {

/// Place in the suite; unknown operations (of another version) behind all others.
std::size_t rank_of(std::string_view operation) {
  const auto& suite = bench_suite();
  return static_cast<std::size_t>(std::ranges::find(suite, operation, &BenchOperation::name) -
                                  suite.begin());
}

void append_row(const CsvTable& table, std::size_t row, const std::vector<std::string>& columns,
                std::string& out) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out += ',';
    if (const auto column = table.find_column(columns[i]))
      out += csv_cell(table.cell(row, *column));
  }
  out += '\n';
}

}  // namespace

std::string merge_operation(const std::optional<CsvTable>& group, const CsvTable& fresh,
                            const std::string& operation) {
  struct Row {
    const CsvTable* table;
    std::size_t row, rank;
  };
  std::vector<std::string> columns;
  std::vector<Row> rows;
  const auto take = [&](const CsvTable& table, bool others) {
    for (const auto& name : table.columns)
      if (std::ranges::find(columns, name) == columns.end()) columns.push_back(name);
    const auto op = table.column("op");
    for (std::size_t row = 0; row < table.rows(); ++row)
      if (!others || table.cell(row, op) != operation)
        rows.push_back({&table, row, rank_of(table.cell(row, op))});
  };
  if (group) take(*group, true);
  take(fresh, false);
  std::ranges::stable_sort(rows, {}, &Row::rank);
  std::string out;
  for (std::size_t i = 0; i < columns.size(); ++i) out += (i > 0 ? "," : "") + csv_cell(columns[i]);
  out += '\n';
  for (const auto& row : rows) append_row(*row.table, row.row, columns, out);
  return out;
}

std::int64_t rows_of(const CsvTable& group, const std::string& operation) {
  const auto op = group.column("op");
  std::int64_t count = 0;
  for (std::size_t row = 0; row < group.rows(); ++row)
    count += group.cell(row, op) == operation ? 1 : 0;
  return count;
}

}  // namespace moesim
