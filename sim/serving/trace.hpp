// Requests as somebody recorded them: when they came, how long they were. One reader for every form
// in use, told apart by content: CSV with a header (Azure LLM inference traces, Mooncake lengths,
// LLMServingSim workloads, plain) and JSON lines (Mooncake). Gzip is transparent. Columns may stand
// in any order; others (index, ...) are skipped. Of the content, what Mooncake's lines say: ids of
// the prompt's blocks (hash_ids). Not kept: sessions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/quantity.hpp"

namespace moesim {

struct TraceRequest {
  Seconds arrival;
  std::int64_t input = 0, output = 0;  ///< tokens, both at least 1
  /// Ids of the prompt's blocks, each for its tokens and all before them; empty: not recorded. Not
  /// checked against `input`: how many tokens a block has is not in the trace.
  std::vector<std::int64_t> blocks{};
  int line = 0, column = 0;  ///< of the blocks in the file
};

/// The requests in order of arrival (rows out of order are sorted, equal times keep the order of
/// the file). Dates count from the earliest row; relative times stay as they are. Throws InputError
/// at file:line:column for a malformed row, an unknown header, no rows, a token count below 1 (a
/// request without output has no TTFT to speak of: drop such rows), or a negative time.
std::vector<TraceRequest> read_trace(const std::string& path);

/// The same from text; `file` is for error texts.
std::vector<TraceRequest> parse_trace(const std::string& text, const std::string& file);

}  // namespace moesim
