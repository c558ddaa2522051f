#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "sim/core/suggest.hpp"
#include "sim/serving/trace_rows.hpp"

namespace moesim::trace {
namespace {

struct Cell {
  std::string_view text;  ///< without quotes and surrounding blanks
  int column = 1;         ///< of its first character
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Splits a line at commas outside quotes. Doubled quotes inside a quoted cell stay doubled: no
/// column of a trace needs them, but a skipped one may hold them.
void split(std::string_view line, const std::string& file, int number, std::vector<Cell>& cells) {
  cells.clear();
  std::size_t start = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= line.size(); ++i) {
    if (i < line.size() && line[i] == '"') quoted = !quoted;
    if (i < line.size() && (quoted || line[i] != ',')) continue;
    const auto raw = line.substr(start, i - start);
    auto text = trimmed(raw);
    const auto offset = text.empty() ? 0 : static_cast<std::size_t>(text.data() - raw.data());
    const int column = static_cast<int>(start + offset) + 1;
    if (quoted) throw InputError({file, number, column}, "the quote of this cell does not end");
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
      text = trimmed(text.substr(1, text.size() - 2));
    cells.push_back({text, column});
    start = i + 1;
  }
}

/// Which cell holds which role.
struct Header {
  std::array<std::size_t, 3> cell{};
  TimeForm form = TimeForm::kSeconds;
  std::size_t cells = 0;
};

std::string lower(std::string_view text) {
  std::string copy(text);
  std::ranges::transform(copy, copy.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return copy;
}

[[noreturn]] void refuse_header(const std::vector<Cell>& cells, Role missing,
                                const std::string& file) {
  std::vector<std::string> valid;
  for (const auto& column : columns())
    if (column.role == missing) valid.emplace_back(column.name);
  const Cell* nearest = &cells.front();
  int best = 1000;
  for (const auto& cell : cells)
    for (const auto& name : valid)
      if (const int distance = edit_distance(cell.text.substr(0, 64), name); distance < best) {
        best = distance;
        nearest = &cell;
      }
  throw InputError({file, 1, nearest->column},
                   fmt::format("the header names no column with the {}; nearest is '{}'{}",
                               role_names[static_cast<std::size_t>(missing)],
                               nearest->text.substr(0, 40), did_you_mean(nearest->text, valid)));
}

Header read_header(const std::vector<Cell>& cells, const std::string& file) {
  Header header;
  header.cells = cells.size();
  std::array<std::optional<std::size_t>, 3> found;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto column = std::ranges::find(columns(), lower(cells[i].text), &Column::name);
    if (column == columns().end()) continue;
    const auto role = static_cast<std::size_t>(column->role);
    if (found[role])
      throw InputError({file, 1, cells[i].column},
                       fmt::format("'{}' and '{}' both give the {}", cells[*found[role]].text,
                                   cells[i].text, role_names[role]));
    found[role] = i;
    if (column->role == Role::kArrival) header.form = column->form;
  }
  for (const auto role : {Role::kArrival, Role::kInput, Role::kOutput}) {
    const auto& place = found[static_cast<std::size_t>(role)];
    if (!place) refuse_header(cells, role, file);
    header.cell[static_cast<std::size_t>(role)] = *place;
  }
  return header;
}

Row read_row(const std::vector<Cell>& cells, const Header& header, const std::string& file,
             int number) {
  if (cells.size() != header.cells)
    throw InputError({file, number, cells.back().column},
                     fmt::format("{} cells, but the header has {}", cells.size(), header.cells));
  const auto& [arrival, input, output] = header.cell;
  const auto at = [&](std::size_t i) { return Location{file, number, cells[i].column}; };
  Row row;
  read_arrival(cells[arrival].text, at(arrival), header.form, row);
  row.request.input = read_tokens(cells[input].text, at(input), Role::kInput);
  row.request.output = read_tokens(cells[output].text, at(output), Role::kOutput);
  return row;
}

}  // namespace

std::vector<Row> parse_csv(std::string_view text, const std::string& file, bool& dates) {
  std::vector<Row> rows;
  std::vector<Cell> cells;
  std::optional<Header> header;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (header && trimmed(line).empty()) continue;
    split(line, file, number, cells);
    if (header)
      rows.push_back(read_row(cells, *header, file, number));
    else
      header = read_header(cells, file);
  }
  dates = header && header->form == TimeForm::kDate;
  return rows;
}

}  // namespace moesim::trace
