// How every microbenchmark is timed and summarised: warm up, sample until there is enough, keep the
// median with p10, p25 and p90. The operation supplies one function that runs it once and returns
// seconds; which clock that is (CUDA events, a replayed CUDA graph, the thread's CPU time) is its
// own affair and goes into the table's `timer` column. Does not touch clocks, power or affinity.
// C++17, because nvcc compiles it too.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace moesim::kernels {

/// When to stop. The defaults are a compromise between a suite of a few minutes on a rented GPU and
/// medians that repeat within a few percent; --short trades the latter away for tests.
struct TimingPolicy {
  std::size_t warmup_runs = 3;
  double warmup_s = 0.010;
  std::size_t samples = 15;   ///< at least this many ...
  double sampling_s = 0.060;  ///< ... and at least this long, ...
  double cap_s = 0.120;       ///< ... but no longer than this once there are `samples_at_cap`
  std::size_t samples_at_cap = 5;
  double noisy_cv = 0.05;  ///< above it the measurement is repeated once, then flagged
  std::size_t rounds = 1;  ///< goes at all points, whose samples are then taken together
};

inline TimingPolicy short_policy() {
  TimingPolicy policy;
  policy.warmup_runs = 1;
  policy.warmup_s = 0;
  policy.samples = 5;
  policy.sampling_s = 0;
  policy.cap_s = 0.020;
  return policy;
}

/// Half as long, for grids of many points whose passes are short and steady. A CPU's policy, which
/// is shorter already, stays.
inline TimingPolicy brief(TimingPolicy policy) {
  policy.warmup_s = std::min(policy.warmup_s, 0.005);
  policy.sampling_s = std::min(policy.sampling_s, 0.030);
  policy.cap_s = std::min(policy.cap_s, 0.060);
  return policy;
}

/// What a point takes at most, but for passes so long that the least number of samples lasts
/// longer, for a repetition of a noisy one, and for making its data.
inline double longest_s(const TimingPolicy& policy) {
  return static_cast<double>(policy.rounds) * (policy.warmup_s + policy.cap_s);
}

/// How a point is timed: `run_once` returns the seconds of one run, the mean over `repeats` where
/// one alone is too short.
struct Sampler {
  std::string timer;
  std::size_t repeats = 1;
  std::function<double()> run_once;
};

struct Summary {
  double median_s = 0;
  double p10_s = 0;
  double p25_s = 0;
  double p90_s = 0;
  double cv = 0;  ///< standard deviation over mean
  std::size_t n = 0;
  bool noisy = false;
};

/// Percentile `p` in [0, 1] of ascending values, by linear interpolation between ranks; NaN when
/// there are none.
inline double percentile(const std::vector<double>& ascending, double p) {
  if (ascending.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double rank = p * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, ascending.size() - 1);
  return ascending[below] +
         (rank - static_cast<double>(below)) * (ascending[above] - ascending[below]);
}

inline Summary summarize(std::vector<double> samples_s, double noisy_cv) {
  std::sort(samples_s.begin(), samples_s.end());
  Summary summary;
  summary.n = samples_s.size();
  summary.median_s = percentile(samples_s, 0.5);
  summary.p10_s = percentile(samples_s, 0.1);
  summary.p25_s = percentile(samples_s, 0.25);
  summary.p90_s = percentile(samples_s, 0.9);
  const auto count = static_cast<double>(samples_s.size());
  const double mean = std::accumulate(samples_s.begin(), samples_s.end(), 0.0) / count;
  double squares = 0;
  for (const double sample : samples_s) squares += (sample - mean) * (sample - mean);
  summary.cv = std::sqrt(squares / count) / mean;
  summary.noisy = summary.cv > noisy_cv;
  return summary;
}

/// Samples of `run_once` (returns the seconds of one run, the mean over `repeats` of them) after
/// the warm-up. Time is what the runs report, so the number of samples does not depend on how busy
/// the machine is with something else.
template <class RunOnce>
std::vector<double> take_samples(const TimingPolicy& policy, RunOnce& run_once,
                                 std::size_t repeats = 1) {
  const auto factor = static_cast<double>(repeats);
  double warm_s = 0;
  for (std::size_t i = 0; i < policy.warmup_runs || warm_s < policy.warmup_s; ++i)
    warm_s += factor * run_once();
  std::vector<double> samples_s;
  double total_s = 0;
  while (samples_s.size() < policy.samples || total_s < policy.sampling_s) {
    if (total_s >= policy.cap_s && samples_s.size() >= policy.samples_at_cap) break;
    samples_s.push_back(run_once());
    total_s += factor * samples_s.back();
  }
  return samples_s;
}

/// Measures; a noisy result is measured once more and the steadier of the two is kept.
template <class RunOnce>
Summary measure(const TimingPolicy& policy, RunOnce run_once, std::size_t repeats = 1) {
  const Summary first = summarize(take_samples(policy, run_once, repeats), policy.noisy_cv);
  if (!first.noisy) return first;
  const Summary second = summarize(take_samples(policy, run_once, repeats), policy.noisy_cv);
  return second.cv < first.cv ? second : first;
}

inline Summary measure(const TimingPolicy& policy, const Sampler& sampler) {
  return measure(policy, sampler.run_once, sampler.repeats);
}

}  // namespace moesim::kernels
