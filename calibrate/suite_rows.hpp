// Access to the rows of one operation in a table of the suite, with what all operations share: the
// time, the number format, the library, the flags.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "calibrate/samples.hpp"
#include "sim/core/csv.hpp"

namespace moesim {

class SuiteRows {
 public:
  /// The rows whose cell `op` is one of `operations`.
  SuiteRows(const CsvTable& table, std::initializer_list<std::string_view> operations);

  const std::vector<std::size_t>& rows() const { return rows_; }
  std::string_view cell(std::size_t row, std::string_view column) const;
  /// A whole number of at least `least`.
  std::int64_t count(std::size_t row, std::string_view column, std::int64_t least = 1) const;
  double number(std::size_t row, std::string_view column) const;
  /// Whole numbers with blanks between them.
  std::vector<std::int32_t> counts(std::size_t row, std::string_view column) const;

  /// Empty for a point that could not be measured [s].
  std::optional<double> time_s(std::size_t row) const;
  bool warm(std::size_t row) const { return cell(row, "l2") == "hot"; }
  /// Format of `column` and, as its kernel, the library of the row without its version; "own" for a
  /// kernel of the suite itself.
  KernelFormat format(std::size_t row, std::string_view column = "dtype") const;
  Dtype dtype(std::size_t row, std::string_view column) const;
  int line(std::size_t row) const { return table_.at(row, 0).line; }

 private:
  const CsvTable& table_;
  std::vector<std::size_t> rows_;
};

}  // namespace moesim
