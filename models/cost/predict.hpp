// One operation predicted by one fit: what the cost tiers use in a run and what the hold-out checks
// use on tables, so that both are the same arithmetic. `peaks` are those of the fit's number format
// (peaks_of); `residual` off gives tier `fit`.
#pragma once

#include "models/cost/profile.hpp"

namespace moesim {

Prediction predict(const GemmFit& fit, const Peaks& peaks, const Gemm& gemm, bool residual);
Prediction predict(const ExpertsFit& fit, const Peaks& peaks, const ExpertWork& work,
                   bool residual);
/// The sum over the experts; with `residual` by the curve of the shape where it has one.
Prediction predict(const SequentialExpertsFit& fit, const Peaks& peaks, const ExpertWork& work,
                   bool residual);
/// One phase of the attention: the prefill chunks or the decoding sequences of `load`.
Prediction predict(const AttentionFit<PrefillForm>& fit, const Peaks& peaks,
                   const AttentionShape& shape, const AttentionLoad& load, bool residual);
Prediction predict(const AttentionFit<DecodeForm>& fit, const Peaks& peaks,
                   const AttentionShape& shape, const AttentionLoad& load, bool residual);

/// The peaks that a fit of this number format divides by.
Peaks peaks_of(const Device& device, Dtype math);
inline Peaks peaks_of(const Device& device, const GemmFit& fit) {
  return peaks_of(device, fit.weight);
}
inline Peaks peaks_of(const Device& device, const ExpertsFit& fit) {
  return peaks_of(device, fit.weight);
}
template <class Form>
Peaks peaks_of(const Device& device, const AttentionFit<Form>& fit) {
  return peaks_of(device, fit.math);
}

}  // namespace moesim
