#include "sim/core/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "sim/core/suggest.hpp"
#include "sim/core/text_file.hpp"

namespace moesim {
namespace {

bool blank(char c) { return c == ' ' || c == '\t'; }

[[noreturn]] void refuse(const Location& where, std::string_view text, std::string_view column,
                         std::string_view expected) {
  constexpr std::size_t shown = 40;  // of a cell that may be a whole line
  if (text.empty())
    throw InputError(
        where, fmt::format("column '{}': expected {}, found an empty cell", column, expected));
  throw InputError(where, fmt::format("column '{}': expected {}, found '{}{}'", column, expected,
                                      text.substr(0, shown), text.size() > shown ? "..." : ""));
}

/// Parses all of `text`; a leading plus, which from_chars refuses, is taken.
template <class T>
bool parse_all(std::string_view text, T& value) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

class CsvParser {
 public:
  CsvParser(CsvTable& table, std::string text) : table_(table) { table_.text_ = std::move(text); }

  void parse() {
    if (table_.text_.size() >= std::numeric_limits<std::uint32_t>::max())
      throw InputError(table_.file + ": a table of 4 GiB or more");
    if (table_.text_.starts_with("\xEF\xBB\xBF")) at_ = 3;  // UTF-8 mark that spreadsheets write
    while (at_ < table_.text_.size()) line();
    if (table_.columns.empty()) throw InputError({table_.file, 1, 1}, "empty table: no header");
  }

 private:
  void line() {
    char* const text = table_.text_.data();
    const auto size = table_.text_.size();
    const auto* newline = static_cast<const char*>(std::memchr(text + at_, '\n', size - at_));
    const auto next = newline == nullptr ? size : static_cast<std::size_t>(newline - text) + 1;
    auto end = newline == nullptr ? size : next - 1;
    if (end > at_ && text[end - 1] == '\r') --end;
    const CsvTable::Line line{static_cast<std::uint32_t>(at_), ++number_};
    if (!std::all_of(text + at_, text + end, blank)) split(line, end);
    at_ = next;
  }

  void split(const CsvTable::Line& line, std::size_t end) {
    auto& cells = table_.columns.empty() ? table_.header_ : table_.cells_;
    const auto first = cells.size();
    for (std::size_t begin = at_;;) {
      const auto comma = cell(line, begin, end, cells);
      if (comma == end) break;
      begin = comma + 1;
    }
    if (table_.columns.empty()) return name_columns(line);
    const auto found = cells.size() - first;
    if (found != table_.columns.size())
      throw InputError(table_.place(line, cells.back()),
                       fmt::format("{} {}, but the header has {}", found,
                                   found == 1 ? "cell" : "cells", table_.columns.size()));
    table_.lines_.push_back(line);
  }

  /// One cell from `begin`; returns where its comma is, or `end`.
  std::size_t cell(const CsvTable::Line& line, std::size_t begin, std::size_t end,
                   std::vector<CsvTable::Span>& cells) {
    const char* const text = table_.text_.data();
    while (begin < end && blank(text[begin])) ++begin;
    if (begin < end && text[begin] == '"') return quoted_cell(line, begin, end, cells);
    const auto* found = static_cast<const char*>(std::memchr(text + begin, ',', end - begin));
    const auto comma = found == nullptr ? end : static_cast<std::size_t>(found - text);
    auto last = comma;
    while (last > begin && blank(text[last - 1])) --last;
    cells.push_back(span(begin, last));
    return comma;
  }

  std::size_t quoted_cell(const CsvTable::Line& line, std::size_t quote, std::size_t end,
                          std::vector<CsvTable::Span>& cells) {
    char* const text = table_.text_.data();
    auto write = quote + 1, read = write;
    for (;; ++read) {
      if (read == end)
        throw InputError(table_.place(line, span(quote, quote)),
                         "the quote of this cell does not end on its line");
      if (text[read] == '"') {
        if (read + 1 == end || text[read + 1] != '"') break;
        ++read;
      }
      text[write++] = text[read];
    }
    cells.push_back(span(quote + 1, write));
    for (++read; read < end && blank(text[read]);) ++read;
    if (read < end && text[read] != ',')
      throw InputError(table_.place(line, span(read, read)),
                       "only a comma can follow the quote that ends a cell");
    return read;
  }

  void name_columns(const CsvTable::Line& line) {
    table_.header_line_ = line;
    for (const auto& span : table_.header_) {
      auto name = table_.text_.substr(span.begin, span.size);
      if (!name.empty() && std::ranges::find(table_.columns, name) != table_.columns.end())
        throw InputError(table_.place(line, span),
                         fmt::format("the column '{}' is there twice", name));
      table_.columns.push_back(std::move(name));
    }
  }

  static CsvTable::Span span(std::size_t begin, std::size_t end) {
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
  }

  CsvTable& table_;
  std::size_t at_ = 0;
  int number_ = 0;
};

std::optional<std::size_t> CsvTable::find_column(std::string_view name) const {
  const auto found = std::ranges::find(columns, name);
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

std::size_t CsvTable::column(std::string_view name) const {
  if (const auto index = find_column(name)) return *index;
  throw InputError({file, header_line_.number, 1},
                   fmt::format("no column '{}'{}", name, did_you_mean(name, columns)));
}

double CsvTable::number(std::size_t row, std::size_t column) const {
  double value = 0;
  const auto text = cell(row, column);
  if (!parse_all(text, value) || !std::isfinite(value))
    refuse(at(row, column), text, columns[column], "a number");
  return value;
}

std::int64_t CsvTable::integer(std::size_t row, std::size_t column) const {
  std::int64_t value = 0;
  const auto text = cell(row, column);
  if (!parse_all(text, value)) refuse(at(row, column), text, columns[column], "a whole number");
  return value;
}

Location CsvTable::place(const Line& line, const Span& span) const {
  return {file, line.number, static_cast<int>(span.begin - line.begin) + 1};
}

Location CsvTable::at(std::size_t row, std::size_t column) const {
  return place(lines_[row], cells_[row * columns.size() + column]);
}

Location CsvTable::header_at(std::size_t column) const {
  return place(header_line_, header_[column]);
}

CsvTable parse_csv(std::string text, std::string file) {
  CsvTable table;
  table.file = std::move(file);
  CsvParser(table, std::move(text)).parse();
  return table;
}

CsvTable read_csv(const std::string& path) { return parse_csv(read_text_file(path), path); }

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace moesim
