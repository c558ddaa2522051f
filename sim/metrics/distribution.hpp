// Mean and percentiles of samples, as numpy and vLLM's benchmark compute them (linear interpolation
// between closest ranks). Samples may come with a count, so that millions of equal token gaps cost
// one entry.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/metrics/result.hpp"

namespace moesim {

struct CountedSample {
  double value = 0;
  std::int64_t count = 1;
};

/// All zero when there are no samples.
Distribution distribution(std::vector<CountedSample> samples);
Distribution distribution(std::span<const double> samples);

}  // namespace moesim
