#include "calibrate/bench_table.hpp"

#include <algorithm>
#include <vector>

#include "calibrate/bench_suite.hpp"

namespace moesim {
namespace {

/// Place in the suite; unknown programs (of another version) behind all others.
std::size_t rank_of(std::string_view program) {
  const auto& suite = bench_suite();
  return static_cast<std::size_t>(std::ranges::find(suite, program, &BenchOperation::name) -
                                  suite.begin());
}

struct Row {
  const CsvTable* table;
  std::size_t row;
  std::string_view program;
};

void append_row(const Row& row, const std::vector<std::string>& columns, std::string& out) {
  out += csv_cell(row.program);
  for (const auto& name : columns) {
    out += ',';
    if (const auto column = row.table->find_column(name))
      out += csv_cell(row.table->cell(row.row, *column));
  }
  out += '\n';
}

}  // namespace

std::string merge_rows(const std::optional<CsvTable>& group, const CsvTable& fresh,
                       const std::string& program) {
  std::vector<std::string> columns;
  std::vector<Row> rows;
  const auto take_columns = [&](const CsvTable& table) {
    for (const auto& name : table.columns)
      if (name != kProgramColumn && std::ranges::find(columns, name) == columns.end())
        columns.push_back(name);
  };
  if (group) {
    take_columns(*group);
    const auto owner = group->column(kProgramColumn);
    for (std::size_t row = 0; row < group->rows(); ++row)
      if (group->cell(row, owner) != program)
        rows.push_back({&*group, row, group->cell(row, owner)});
  }
  take_columns(fresh);
  for (std::size_t row = 0; row < fresh.rows(); ++row) rows.push_back({&fresh, row, program});
  std::ranges::stable_sort(rows, {}, [](const Row& row) { return rank_of(row.program); });
  std::string out = kProgramColumn;
  for (const auto& name : columns) out += "," + csv_cell(name);
  out += '\n';
  for (const auto& row : rows) append_row(row, columns, out);
  return out;
}

std::int64_t rows_of(const CsvTable& group, const std::string& program) {
  const auto owner = group.column(kProgramColumn);
  std::int64_t count = 0;
  for (std::size_t row = 0; row < group.rows(); ++row)
    count += group.cell(row, owner) == program ? 1 : 0;
  return count;
}

}  // namespace moesim
