// From measured samples to the fits of a profile: the form by least squares, then the residual grid
// of what the form leaves over. Every fit here is made from exactly the samples it is given; which
// samples those are is hold_out.hpp's affair. Pure functions, deterministic.
#pragma once

#include <span>
#include <vector>

#include "calibrate/samples.hpp"
#include "models/cost/profile.hpp"

namespace moesim {

/// Samples of one kernel in one number format; at least kFewestPoints of them, else InputError.
GemmFit fit_gemm(std::span<const GemmSample> samples, const Device& device);
ExpertsFit fit_experts(std::span<const ExpertsSample> samples, const Device& device);
/// Samples of one kernel, phase, kind, head width and number formats.
AttentionFit<PrefillForm> fit_prefill(std::span<const AttentionSample> samples,
                                      const Device& device);
AttentionFit<DecodeForm> fit_decode(std::span<const AttentionSample> samples, const Device& device);

ElementwiseFit fit_elementwise(std::span<const ElementwiseSample> samples, const Device& device);

/// A form with seven parameters says nothing when it is fitted to fewer points than these.
constexpr std::size_t kFewestPoints = 12;
/// The same for one with two.
constexpr std::size_t kFewestStreamPoints = 4;

}  // namespace moesim
