// Inside the trace reader: what a cell of a trace means, shared by its CSV and JSON-lines halves. A
// column is known by its name, which also carries the unit of a time.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/error.hpp"
#include "sim/serving/trace.hpp"

namespace moesim::trace {

enum class Role { kArrival, kInput, kOutput };
inline constexpr std::array<std::string_view, 3> role_names = {"arrival time", "input tokens",
                                                               "output tokens"};

/// How an arrival is written.
enum class TimeForm { kSeconds, kMilliseconds, kNanoseconds, kDate };

struct Column {
  std::string_view name;
  Role role;
  TimeForm form = TimeForm::kSeconds;  ///< of an arrival
};

/// Every column name that is understood, lower case.
const std::vector<Column>& columns();

/// A request whose date, if the trace has dates, still counts from 1970.
struct Row {
  std::int64_t date_ns = 0;
  TraceRequest request;
};

std::int64_t read_tokens(std::string_view text, const Location& where, Role role);
/// Sets the arrival (or the date) of `row`.
void read_arrival(std::string_view text, const Location& where, TimeForm form, Row& row);

/// `dates` becomes true when the rows carry dates.
std::vector<Row> parse_csv(std::string_view text, const std::string& file, bool& dates);
std::vector<Row> parse_json_lines(std::string_view text, const std::string& file);

}  // namespace moesim::trace
