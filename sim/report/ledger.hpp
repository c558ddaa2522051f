// The accuracy ledger: how far predictions lie from measurements, as `moesim validate` prints it.
// An entry is the error of one metric over one group of points; errors are signed fractions,
// (predicted - measured) / measured. Nothing here knows what was predicted. Not modelled:
// uncertainty of the measurements themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/report/figure.hpp"

namespace moesim {

/// Position of `value` in `values`, appended when it is new.
std::size_t index_in(std::vector<std::string>& values, const std::string& value);

struct ErrorStatistics {
  std::int64_t n = 0;
  double median_abs = 0;  ///< median of |e|
  double p90_abs = 0;     ///< 90th percentile of |e|, linear interpolation between closest ranks
  double bias = 0;        ///< median of e
  double mean_abs = 0;    ///< mean of |e| (MAPE)
  double p95_abs = 0;     ///< 95th percentile of |e|
};

/// All zero when there are no errors.
ErrorStatistics error_statistics(std::span<const double> errors);

struct LedgerEntry {
  std::string name;    ///< of the validation, e.g. "serving"
  std::string group;   ///< e.g. "device hgx-h200"
  std::string metric;  ///< e.g. "tpot"
  ErrorStatistics errors;
  std::int64_t left_out = 0;                  ///< points of the group that could not be compared
  std::optional<double> target;               ///< of the median, where design goals state one
  std::optional<double> mean_target = {};     ///< of the mean of |e|
  std::optional<double> target_p90 = {};      ///< of the 90th percentile
  std::optional<double> target_p95 = {};      ///< of the 95th percentile
  std::optional<ErrorStatistics> least = {};  ///< errors that no prediction can go below, for pairs
  std::optional<bool> pass() const;           ///< nothing without a target; all that are stated
};

/// One comparison, of those that errors are made of.
struct LedgerPoint {
  std::string name;    ///< of the validation
  std::string group;   ///< regime that it is drawn in, e.g. "gpt-oss-120b on hgx-h200, vllm"
  std::string metric;  ///< e.g. "TPOT"
  std::string id;      ///< of the measurement in its source
  double measured = 0, predicted = 0;  ///< SI units
  bool fitted = false;                 ///< of the half that parameters were fitted on
};

struct Ledger {
  std::string date;  ///< UTC, YYYY-MM-DD
  std::string version;
  std::vector<LedgerEntry> entries;
  std::vector<LedgerPoint> points = {};  ///< of the validations that keep theirs
};

/// {"date", "version", "entries": [...], "points": [...]}; a group without points has null errors.
std::string ledger_json(const Ledger& ledger);

/// The entries of ledger_json()'s text; points are left out. Throws InputError with the place when
/// it is no ledger.
Ledger read_ledger(const std::string& text, const std::string& file);

/// What changed since `before`: a line per entry whose median or p90 moved by more than half a
/// percentage point, or that is in one of the two only.
std::string ledger_changes(const Ledger& before, const Ledger& now);

/// Predicted against measured, coloured by regime: one picture per validation that keeps its
/// points.
std::vector<Figure> ledger_figures(const Ledger& ledger);

enum class TableStyle { kText, kMarkdown };
/// One row per group in order of appearance, the metrics side by side.
std::string ledger_table(std::span<const LedgerEntry> entries, TableStyle style);
/// One row per entry, with its targets and whether they are met.
std::string ledger_list(std::span<const LedgerEntry> entries, TableStyle style);

}  // namespace moesim
