// One operation predicted by one fit: what the cost tiers use in a run and what the hold-out checks
// use on tables, so that both are the same arithmetic. `residual` off gives tier `fit`.
#pragma once

#include "models/cost/profile.hpp"

namespace moesim {

Prediction predict(const GemmFit& fit, const Device& device, const Gemm& gemm, bool residual);
Prediction predict(const ExpertsFit& fit, const Device& device, const ExpertWork& work,
                   bool residual);
/// One phase of the attention: the prefill chunks or the decoding sequences of `load`.
Prediction predict(const AttentionFit<PrefillForm>& fit, const Device& device,
                   const AttentionShape& shape, const AttentionLoad& load, bool residual);
Prediction predict(const AttentionFit<DecodeForm>& fit, const Device& device,
                   const AttentionShape& shape, const AttentionLoad& load, bool residual);

/// The peaks a fit divides by.
Peaks peaks_of(const Device& device, Dtype math);

}  // namespace moesim
