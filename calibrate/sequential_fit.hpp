// Fits experts that run one after another: a curve for each measured shape and, for every other, a
// form of one expert. Samples are of one expert each; of a point measured more than once the
// fastest counts, since what disturbs a measurement makes it slower.
#pragma once

#include "calibrate/hold_out.hpp"

namespace moesim {

/// Throws InputError for a sample of several experts, fewer than kFewestPoints samples, or a shape
/// with a single number of rows.
SequentialExpertsFit fit_sequential_experts(std::span<const ExpertsSample> samples,
                                            const Device& device);

/// Every other number of rows left out (not the ends), then each shape in turn.
std::vector<SplitErrors> hold_out_sequential(std::span<const ExpertsSample> samples,
                                             const Device& device);

}  // namespace moesim
