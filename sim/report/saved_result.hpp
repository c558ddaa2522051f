// A result JSON read back for comparison: its figures and its scenario as flat lists of dotted
// keys, in the order of the file. Reads any file that result_json.hpp wrote, also one of another
// version with more or fewer keys.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace moesim {

struct SavedResult {
  std::string path;  ///< as the user wrote it
  /// Every numeric key outside `scenario` and `seed`: "ttft_s.p99" -> 0.25.
  std::vector<std::pair<std::string, double>> figures;
  /// What was run, as JSON text: version, seed and every value of the resolved scenario,
  /// "scenario.model.name" -> "\"DeepSeek-R1\"".
  std::vector<std::pair<std::string, std::string>> inputs;
};

/// Throws InputError: "PATH: cannot read: reason", "PATH:LINE:COLUMN: not JSON: reason", or "PATH:
/// not a moesim result: ...".
SavedResult read_result_json(const std::string& path);

/// The same from text; `path` is for errors.
SavedResult parse_result_json(const std::string& text, const std::string& path);

}  // namespace moesim
