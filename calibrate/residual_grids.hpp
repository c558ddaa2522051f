// What a fitted form leaves over of the measured times, as the grids that the residual tier
// interpolates in: log(measured / form) by shape and load. From exactly the samples that are given.
#pragma once

#include <span>
#include <vector>

#include "calibrate/samples.hpp"
#include "models/cost/profile.hpp"

namespace moesim {

GemmResidual gemm_grid(std::span<const GemmSample> samples, const GemmForm& form,
                       const Peaks& peaks);

/// `shares`: see share_of_neighbours and share_of_steps.
ExpertsResidual experts_grid(std::span<const ExpertsSample> samples, const ExpertsForm& form,
                             const Peaks& peaks, ExpertsResidual::Shares shares);

/// How much of what others' residual says a shape takes that was not measured: the share that
/// leaves the smallest errors when a fifth of the shapes is predicted from the others, 0 to 1; with
/// a single shape, all of it.
double share_of_neighbours(std::span<const ExpertsSample> samples, const ExpertsForm& form,
                           const Peaks& peaks);

/// How much of a change between two token counts goes by powers of two of an expert's rows: the
/// share that leaves the smallest errors when every other of these token counts is predicted from
/// its neighbours, 0 to 1; 0 for less than three token counts.
double share_of_steps(std::span<const ExpertsSample> samples, const ExpertsForm& form,
                      const Peaks& peaks);

AttentionResidual attention_grid(std::span<const AttentionSample> samples, const PrefillForm& form,
                                 const Peaks& peaks);
AttentionResidual attention_grid(std::span<const AttentionSample> samples, const DecodeForm& form,
                                 const Peaks& peaks);

/// The token counts that residual grids keep of a measured list: every other one, and the last.
std::vector<std::int64_t> kept_tokens(std::span<const ExpertsSample> samples);

/// Evenly spaced samples, at most about 1500: more do not move seven parameters.
template <class Sample>
std::vector<const Sample*> thinned(std::span<const Sample> samples) {
  constexpr std::size_t most = 1500;
  std::vector<const Sample*> kept;
  const std::size_t stride = std::max<std::size_t>(1, samples.size() / most);
  for (std::size_t i = 0; i < samples.size(); i += stride) kept.push_back(&samples[i]);
  return kept;
}

}  // namespace moesim
