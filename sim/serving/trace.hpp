// Requests as somebody recorded them: when they came, how long they were. One reader for every form
// in use, told apart by content: CSV with a header (Azure LLM inference traces, Mooncake lengths,
// LLMServingSim workloads, plain) and JSON lines (Mooncake). Gzip is transparent. Columns may stand
// in any order; others (index, hash_ids, ...) are skipped. Not kept: shared prefixes, sessions, the
// content.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/quantity.hpp"

namespace moesim {

struct TraceRequest {
  Seconds arrival;
  std::int64_t input = 0, output = 0;  ///< tokens, both at least 1
};

/// The requests in order of arrival (rows out of order are sorted, equal times keep the order of
/// the file). Dates count from the earliest row; relative times stay as they are. Throws InputError
/// at file:line:column for a malformed row, an unknown header, no rows, a token count below 1 (a
/// request without output has no TTFT to speak of: drop such rows), or a negative time.
std::vector<TraceRequest> read_trace(const std::string& path);

/// The same from text; `file` is for error texts.
std::vector<TraceRequest> parse_trace(const std::string& text, const std::string& file);

}  // namespace moesim
