#include "calibrate/repeated_work.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace moesim {
namespace {

/// Times of the same work, by what tells two runs of it apart.
template <class Run>
using Runs = std::vector<std::pair<Run, double>>;

template <class Work, class Run>
std::vector<double> among(const std::map<Work, Runs<Run>>& times_s) {
  std::vector<double> errors;
  for (const auto& [_, runs] : times_s)
    for (std::size_t i = 0; i < runs.size(); ++i)
      for (std::size_t j = i + 1; j < runs.size(); ++j) {
        const double a = runs[i].second, b = runs[j].second;
        if (runs[i].first != runs[j].first) errors.push_back(std::fabs(a - b) / (a + b));
      }
  return errors;
}

}  // namespace

std::vector<double> least_errors(std::span<const ExpertsSample> samples) {
  using Work = std::tuple<std::int64_t, std::int64_t, std::vector<std::int32_t>>;
  using ExpertsAndTopk = std::pair<std::int64_t, std::int64_t>;  // of the model
  std::map<Work, Runs<ExpertsAndTopk>> times_s;
  for (const auto& s : samples) {
    if (!s.balanced()) continue;
    auto rows = s.tokens_per_expert;
    std::ranges::sort(rows);
    times_s[{s.hidden, s.intermediate, std::move(rows)}].emplace_back(
        ExpertsAndTopk{s.experts, s.topk}, s.time_s);
  }
  return among(times_s);
}

std::vector<double> least_errors(std::span<const AttentionSample> samples) {
  using Work = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                          std::int64_t, std::int64_t>;
  std::map<Work, Runs<std::size_t>> times_s;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto& s = samples[i];
    times_s[{s.shape.heads, s.shape.kv_heads, s.shape.head_dim, s.window, s.batch, s.length,
             s.context}]
        .emplace_back(i, s.time_s);
  }
  return among(times_s);
}

}  // namespace moesim
