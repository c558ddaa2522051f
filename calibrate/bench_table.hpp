// The tables of several programs in one file: the union of their columns by name, empty cells where
// a program does not have a column, rows in the order of the suite.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/core/csv.hpp"

namespace moesim {

/// The first column of a group's file: which program of the suite a row comes from. A program may
/// measure several values of `op`.
inline constexpr const char* kProgramColumn = "program";

/// CSV text of `group` (if there is one) with the rows of `program` replaced by those of `fresh`,
/// which does not name its program yet.
std::string merge_rows(const std::optional<CsvTable>& group, const CsvTable& fresh,
                       const std::string& program);

/// Rows of a program in a group's table.
std::int64_t rows_of(const CsvTable& group, const std::string& program);

}  // namespace moesim
