// Accuracy against measured serving points: every point that can be expressed is simulated (equal
// scenarios once) with the profile of its engine and the launch settings that its source publishes,
// and its mean TTFT and TPOT compared; the rest is counted by reason. A random half of the points
// (by a hash of the measurement) is the one that engine profiles were fitted on; groups report the
// other half. Where a source does not record whether tokens were drafted, both are simulated and
// the nearer TPOT is compared.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/cli/measured_scenario.hpp"
#include "sim/metrics/result.hpp"
#include "sim/report/ledger.hpp"

namespace moesim {

struct ServingMeans {
  double ttft_s = 0, tpot_s = 0;
};

/// Means over the ten rounds of a benchmark (ten times the concurrency) from a run of fewer rounds,
/// requests in order of arrival. TTFT: the first round is the burst at the start, all later ones
/// are alike. TPOT: the last round drains without new prompts in its way, all earlier ones are
/// alike. The plain means when ten rounds were run.
ServingMeans means_of_ten_rounds(std::span<const RequestRow> requests, std::int64_t concurrency);

struct AccuracyOptions {
  std::int64_t rounds = 0;  ///< per point; 0: as rounds_of() decides
  unsigned jobs = 0;
  bool halves = true;          ///< false: all points are reported
  std::optional<bool> fitted;  ///< only the half that engine profiles are fitted on, or the other
  std::function<void(std::size_t done, std::size_t all)> progress;  ///< may be empty
};

struct ServingAccuracy {
  std::vector<LedgerEntry> entries;
  std::vector<LedgerPoint> points;
  std::map<std::string, std::int64_t> left_out;  ///< rows by reason
  std::map<std::string, std::string>
      example;  ///< reason to one simulator's message, where it has one
  std::int64_t rows = 0, compared = 0, scenarios = 0;
};

ServingAccuracy serving_accuracy(const std::vector<ServingMeasurement>& points,
                                 const AccuracyOptions& options);

}  // namespace moesim
