// The CSV a microbenchmark writes: one header row, then one row per measured point, units in the
// column names. A row with another number of fields than the header, or a column named twice, is a
// programmer's mistake and throws. Cells are quoted where RFC 4180 asks for it; numbers are written
// so that they read back unchanged to six digits.
#pragma once

#include <cstdio>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace moesim::kernels {

inline std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

inline std::string csv_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

class Table {
 public:
  Table(std::ostream& out, const std::vector<std::string>& columns)
      : out_(out), width_(columns.size()) {
    for (std::size_t i = 0; i < columns.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (columns[i] == columns[j]) throw std::logic_error("column '" + columns[i] + "' twice");
    write(columns);
  }

  void write(const std::vector<std::string>& row) {
    if (row.size() != width_) throw std::logic_error("a row and the header differ in length");
    for (std::size_t i = 0; i < row.size(); ++i) out_ << (i == 0 ? "" : ",") << csv_cell(row[i]);
    out_ << '\n' << std::flush;  // a benchmark that is cut off keeps the rows it has
  }

 private:
  std::ostream& out_;
  std::size_t width_;
};

}  // namespace moesim::kernels
