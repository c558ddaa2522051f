#include "sim/metrics/distribution.hpp"

#include <algorithm>

namespace moesim {
namespace {

/// The value at 0-based rank `rank` of sorted samples; `from` and `before` carry the position on
/// between rising ranks.
class RankReader {
 public:
  explicit RankReader(const std::vector<CountedSample>& sorted) : sorted_(sorted) {}

  double at(std::int64_t rank) {
    while (rank >= before_ + sorted_[index_].count) before_ += sorted_[index_++].count;
    return sorted_[index_].value;
  }

 private:
  const std::vector<CountedSample>& sorted_;
  std::size_t index_ = 0;
  std::int64_t before_ = 0;
};

double percentile(const std::vector<CountedSample>& sorted, std::int64_t count, double fraction) {
  const double position = fraction * static_cast<double>(count - 1);
  const auto lower = static_cast<std::int64_t>(position);
  RankReader reader(sorted);
  const double low = reader.at(lower);
  if (lower + 1 >= count) return low;
  return low + (position - static_cast<double>(lower)) * (reader.at(lower + 1) - low);
}

}  // namespace

Distribution distribution(std::vector<CountedSample> samples) {
  Distribution d;
  if (samples.empty()) return d;
  std::ranges::sort(samples, {}, &CountedSample::value);
  double sum = 0;
  for (const auto& sample : samples) {
    sum += sample.value * static_cast<double>(sample.count);
    d.count += sample.count;
  }
  d.mean = sum / static_cast<double>(d.count);
  d.p50 = percentile(samples, d.count, 0.50);
  d.p90 = percentile(samples, d.count, 0.90);
  d.p95 = percentile(samples, d.count, 0.95);
  d.p99 = percentile(samples, d.count, 0.99);
  d.max = samples.back().value;
  return d;
}

Distribution distribution(std::span<const double> samples) {
  std::vector<CountedSample> counted;
  counted.reserve(samples.size());
  for (const double value : samples) counted.push_back({value, 1});
  return distribution(std::move(counted));
}

}  // namespace moesim
