// The one reader of CSV tables: header row, then rows of the same width, plain or gzip. Cells are
// quoted as RFC 4180 says (https://www.rfc-editor.org/rfc/rfc4180), blanks around a cell do not
// count, blank lines and a UTF-8 mark are skipped. Every cell knows its line and column, so that
// whoever refuses a value can say where it stands. A cell ends on its line: a line break inside
// quotes is an error, which catches a forgotten quote where it was forgotten.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/error.hpp"

namespace moesim {

struct CsvTable {
  std::string file;
  std::vector<std::string> columns;

  std::size_t rows() const { return lines_.size(); }
  /// Without quotes and surrounding blanks. Valid as long as the table stays where it is.
  std::string_view cell(std::size_t row, std::size_t column) const {
    const auto& span = cells_[row * columns.size() + column];
    return std::string_view(text_).substr(span.begin, span.size);
  }

  /// Index of a column. Throws InputError with the nearest name when there is none.
  std::size_t column(std::string_view name) const;
  std::optional<std::size_t> find_column(std::string_view name) const;

  /// A finite number; InputError at file:line:column for anything else, an empty cell too.
  double number(std::size_t row, std::size_t column) const;
  /// A whole number in 64 bits.
  std::int64_t integer(std::size_t row, std::size_t column) const;

  /// Place of a cell, and of a column's name.
  Location at(std::size_t row, std::size_t column) const;
  Location header_at(std::size_t column) const;
  /// The place as text, "file:line:column".
  std::string where(std::size_t row, std::size_t column) const {
    return to_string(at(row, column));
  }

 private:
  friend class CsvParser;
  /// 32 bits are enough: a file of 4 GiB is refused.
  struct Span {
    std::uint32_t begin = 0, size = 0;
  };
  struct Line {
    std::uint32_t begin = 0;  ///< offset of its first character
    int number = 0;           ///< 1-based
  };
  Location place(const Line& line, const Span& span) const;

  std::string text_;         ///< doubled quotes are undone in place
  std::vector<Span> cells_;  ///< row by row
  std::vector<Line> lines_;  ///< per row
  std::vector<Span> header_;
  Line header_line_;
};

/// Throws InputError at file:line:column for a table without a header, a column named twice, a row
/// of another width than the header, or a quote that does not end.
CsvTable parse_csv(std::string text, std::string file);

/// Reads and parses; InputError when the file cannot be read.
CsvTable read_csv(const std::string& path);

/// A cell as it is written: quoted where RFC 4180 asks for it.
std::string csv_cell(std::string_view text);

}  // namespace moesim
