// A length distribution as a table: quantiles of prompt and output lengths, and how they hang
// together (rank correlation). Small enough to ship where a trace is not, and made from a trace by
// one function, so that anybody can repeat it. Kept: both marginals and their rank correlation.
// Lost: order in time, sessions, any finer dependence.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/core/parameters.hpp"
#include "sim/serving/trace.hpp"

namespace moesim {

struct LengthProfile {
  std::string name, source, licence, derivation;
  std::int64_t requests = 0;                ///< of the trace it was made from
  double input_mean = 0, output_mean = 0;   ///< tokens, of the trace
  double rank_correlation = 0;              ///< Spearman, input against output
  std::vector<double> probabilities;        ///< from 0 to 1, rising
  std::vector<std::int64_t> input, output;  ///< tokens at those probabilities, not falling

  static const Parameters<LengthProfile>& parameters();
  void check(const Node& at) const;
};

/// The numbers of a profile; the texts stay empty. Quantile p of n values is the one of rank
/// round(p (n - 1)).
LengthProfile summarise(std::span<const TraceRequest> trace);

/// A shipped profile by name, or the file at a path. Throws InputError at `where` with the nearest
/// valid name.
LengthProfile load_length_profile(const std::string& name_or_path, const Location& where = {});
std::vector<std::string> length_profile_names();

/// `path` as given when it exists, else below the data directory, else as given (for the error of
/// whoever opens it).
std::string find_data_file(const std::string& path);

/// Tokens at probability `u` in (0, 1), linear between the table's points, to the nearest whole
/// number.
std::int64_t quantile(std::span<const double> probabilities, std::span<const std::int64_t> tokens,
                      double u);

}  // namespace moesim
