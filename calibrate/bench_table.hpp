// The tables of several operations in one file: the union of their columns by name, empty cells
// where an operation does not have a column, rows in the order of the suite.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/core/csv.hpp"

namespace moesim {

/// CSV text of `group` (if there is one) with the rows of `operation` replaced by those of `fresh`.
/// Both need the column `op`.
std::string merge_operation(const std::optional<CsvTable>& group, const CsvTable& fresh,
                            const std::string& operation);

/// Rows of an operation in a group's table.
std::int64_t rows_of(const CsvTable& group, const std::string& operation);

}  // namespace moesim
