#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "sim/core/csv.hpp"
#include "sim/core/suggest.hpp"
#include "sim/serving/trace_rows.hpp"

namespace moesim::trace {
namespace {

/// Which column holds which role.
struct Header {
  std::array<std::size_t, 3> column{};
  TimeForm form = TimeForm::kSeconds;
};

std::string lower(std::string_view text) {
  std::string copy(text);
  std::ranges::transform(copy, copy.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return copy;
}

[[noreturn]] void refuse_header(const CsvTable& table, Role missing) {
  std::vector<std::string> valid;
  for (const auto& column : columns())
    if (column.role == missing) valid.emplace_back(column.name);
  std::size_t nearest = 0;
  int best = 1000;
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    for (const auto& name : valid) {
      const int distance = edit_distance(table.columns[i].substr(0, 64), name);
      if (distance >= best) continue;
      best = distance;
      nearest = i;
    }
  const auto& name = table.columns[nearest];
  throw InputError(table.header_at(nearest),
                   fmt::format("the header names no column with the {}; nearest is '{}'{}",
                               role_names[static_cast<std::size_t>(missing)], name.substr(0, 40),
                               did_you_mean(name, valid)));
}

Header read_header(const CsvTable& table) {
  Header header;
  std::array<std::optional<std::size_t>, 3> found;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto column = std::ranges::find(columns(), lower(table.columns[i]), &Column::name);
    if (column == columns().end()) continue;
    const auto role = static_cast<std::size_t>(column->role);
    if (found[role])
      throw InputError(table.header_at(i),
                       fmt::format("'{}' and '{}' both give the {}", table.columns[*found[role]],
                                   table.columns[i], role_names[role]));
    found[role] = i;
    if (column->role == Role::kArrival) header.form = column->form;
  }
  for (const auto role : {Role::kArrival, Role::kInput, Role::kOutput}) {
    const auto& place = found[static_cast<std::size_t>(role)];
    if (!place) refuse_header(table, role);
    header.column[static_cast<std::size_t>(role)] = *place;
  }
  return header;
}

}  // namespace

std::vector<Row> parse_csv(std::string_view text, const std::string& file, bool& dates) {
  const auto table = moesim::parse_csv(std::string(text), file);
  const auto header = read_header(table);
  const auto& [arrival, input, output] = header.column;
  std::vector<Row> rows(table.rows());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    read_arrival(table.cell(i, arrival), table.at(i, arrival), header.form, rows[i]);
    rows[i].request.input = read_tokens(table.cell(i, input), table.at(i, input), Role::kInput);
    rows[i].request.output = read_tokens(table.cell(i, output), table.at(i, output), Role::kOutput);
  }
  dates = header.form == TimeForm::kDate;
  return rows;
}

}  // namespace moesim::trace
