#include "sim/serving/trace.hpp"

#include <algorithm>

#include "sim/core/text_file.hpp"
#include "sim/serving/trace_rows.hpp"

namespace moesim {

std::vector<TraceRequest> parse_trace(const std::string& text, const std::string& file) {
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF"))
    rest.remove_prefix(3);  // UTF-8 mark that spreadsheets write
  const auto first = rest.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos)
    throw InputError({file, 1, 1}, "empty trace: no header and no requests");

  bool dates = false;
  auto rows = rest[first] == '{' ? trace::parse_json_lines(rest, file)
                                 : trace::parse_csv(rest, file, dates);
  if (rows.empty()) throw InputError({file, 2, 1}, "empty trace: no requests after the header");
  if (dates) {
    const auto start = std::ranges::min(rows, {}, &trace::Row::date_ns).date_ns;
    for (auto& row : rows)
      row.request.arrival = Seconds(static_cast<double>(row.date_ns - start) / 1e9);
  }
  std::vector<TraceRequest> requests;
  requests.reserve(rows.size());
  for (auto& row : rows) requests.push_back(std::move(row.request));
  std::ranges::stable_sort(requests, {}, &TraceRequest::arrival);
  return requests;
}

std::vector<TraceRequest> read_trace(const std::string& path) {
  return parse_trace(read_text_file(path), path);
}

}  // namespace moesim
