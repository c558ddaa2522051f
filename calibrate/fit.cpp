#include "calibrate/fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "calibrate/least_squares.hpp"
#include "calibrate/residual_grids.hpp"
#include "models/cost/predict.hpp"

namespace moesim {
namespace {

template <class Sample>
void need_points(std::span<const Sample> samples, const std::string& what,
                 std::size_t fewest = kFewestPoints) {
  if (samples.size() < fewest)
    throw InputError(
        fmt::format("{}: {} usable rows, a fit needs at least {}", what, samples.size(), fewest));
}

/// Fits `start` to what `work` makes of the samples.
template <class Form, class Sample, class Work>
Fitted<Form> fit_samples(const Form& start, std::span<const Sample> samples, const Peaks& peaks,
                         Work work) {
  std::vector<typename Form::Work> works;
  std::vector<double> times;
  for (const auto* sample : thinned(samples)) {
    works.push_back(work(*sample));
    times.push_back(sample->time_s);
  }
  // Two starts: from terms that nearly add and from terms that nearly hide, each in its own valley.
  Fitted<Form> best;
  best.loss = std::numeric_limits<double>::infinity();
  for (const double norm : {1.3, 4.0}) {
    Form begin = start;
    if constexpr (requires { begin.norm; }) begin.norm = norm;
    const auto fitted = fit_form(begin, std::span<const typename Form::Work>(works), times, peaks);
    if (fitted.loss < best.loss) best = fitted;
  }
  return best;
}

template <class Form, class Work>
AttentionFit<Form> fit_attention(std::span<const AttentionSample> samples, const Device& device,
                                 const std::vector<Form>& starts, Work work) {
  const auto& first = samples.front();
  AttentionFit<Form> fit;
  fit.kind = first.shape.kind;
  fit.kv = first.shape.kv;
  fit.math = first.math;
  fit.head_dim = first.shape.head_dim;
  fit.origin.kernel = first.kernel;
  fit.origin.points = static_cast<std::int64_t>(samples.size());
  for (const auto& s : samples) {
    fit.heads.add(static_cast<double>(s.shape.heads));
    fit.batch.add(static_cast<double>(s.batch));
    fit.length.add(static_cast<double>(s.length));
  }
  const auto peaks = peaks_of(device, fit.math);
  double best = std::numeric_limits<double>::infinity();
  for (const Form& start : starts) {
    const auto fitted = fit_samples(start, samples, peaks,
                                    [&](const AttentionSample& s) { return work(s, start); });
    if (fitted.loss >= best) continue;
    best = fitted.loss;
    fit.form = fitted.form;
  }
  fit.residual = attention_grid(samples, fit.form, peaks);
  return fit;
}

}  // namespace

GemmFit fit_gemm(std::span<const GemmSample> samples, const Device& device) {
  need_points(samples, "dense GEMM");
  const auto& first = samples.front();
  GemmFit fit;
  fit.weight = first.format.weight;
  fit.origin.kernel = first.format.kernel;
  fit.origin.scheme = first.format.scheme;
  fit.origin.points = static_cast<std::int64_t>(samples.size());
  for (const auto& s : samples) {
    fit.m.add(static_cast<double>(s.m));
    fit.n.add(static_cast<double>(s.n));
    fit.k.add(static_cast<double>(s.k));
  }
  const auto peaks = peaks_of(device, fit.weight);
  fit.form = fit_samples(GemmForm{}, samples, peaks, [](const GemmSample& s) {
               return gemm_work(s.gemm());
             }).form;
  fit.residual = gemm_grid(samples, fit.form, peaks);
  return fit;
}

ExpertsFit fit_experts(std::span<const ExpertsSample> samples, const Device& device) {
  need_points(samples, "routed experts");
  const auto& first = samples.front();
  ExpertsFit fit;
  fit.weight = first.format.weight;
  fit.gated = first.gated;
  fit.origin.kernel = first.format.kernel;
  fit.origin.scheme = first.format.scheme;
  fit.origin.points = static_cast<std::int64_t>(samples.size());
  for (const auto& s : samples) {
    fit.hidden.add(static_cast<double>(s.hidden));
    fit.intermediate.add(static_cast<double>(s.intermediate));
    fit.local.add(static_cast<double>(s.tokens_per_expert.size()));
    fit.assigned.add(static_cast<double>(expert_load(s.tokens_per_expert, 1).assigned));
  }
  const auto peaks = peaks_of(device, fit.weight);
  // Libraries pad to tiles that only they know: the one that explains the times best.
  double best = std::numeric_limits<double>::infinity();
  for (const std::int64_t tile : {1, 8, 16, 32, 64, 128}) {
    ExpertsForm start;
    start.tile = tile;
    const auto fitted = fit_samples(start, samples, peaks, [tile](const ExpertsSample& s) {
      return experts_work(s.work(), expert_load(s.tokens_per_expert, tile));
    });
    if (fitted.loss >= best) continue;
    best = fitted.loss;
    fit.form = fitted.form;
  }
  fit.neighbours = share_of_neighbours(samples, fit.form, peaks);
  fit.steps = share_of_steps(samples, fit.form, peaks);
  fit.residual = experts_grid(samples, fit.form, peaks, fit.shares());
  return fit;
}

AttentionFit<PrefillForm> fit_prefill(std::span<const AttentionSample> samples,
                                      const Device& device) {
  need_points(samples, "prefill attention");
  // As for the experts, the tiles that explain the times best.
  std::vector<PrefillForm> starts;
  for (const std::int64_t tile : {128, 64})
    for (const std::int64_t small : {128, 64, 16}) {
      if (small > tile) continue;
      auto& start = starts.emplace_back();
      start.tile = tile;
      start.small_tile = small;
    }
  return fit_attention<PrefillForm>(samples, device, starts,
                                    [](const AttentionSample& s, const PrefillForm& form) {
                                      return prefill_work(s.shape, s.load(), form);
                                    });
}

AttentionFit<DecodeForm> fit_decode(std::span<const AttentionSample> samples,
                                    const Device& device) {
  need_points(samples, "decode attention");
  std::vector<DecodeForm> starts;
  for (const std::int64_t split : {256, 512})
    for (const std::int64_t tile : {1, 64, 128}) {
      auto& start = starts.emplace_back();
      start.split = split;
      start.tile = tile;
    }
  return fit_attention<DecodeForm>(samples, device, starts,
                                   [](const AttentionSample& s, const DecodeForm& form) {
                                     return decode_work(s.shape, s.load(), form);
                                   });
}

ElementwiseFit fit_elementwise(std::span<const ElementwiseSample> samples, const Device& device) {
  need_points(samples, "kernels that move bytes", kFewestStreamPoints);
  ElementwiseFit fit;
  fit.origin.kernel = samples.front().kernel;
  fit.origin.points = static_cast<std::int64_t>(samples.size());
  for (const auto& s : samples) fit.bytes.add(s.bytes);
  fit.form = fit_samples(StreamForm{}, samples, peaks_of(device, Dtype::bf16),
                         [](const ElementwiseSample& s) { return StreamForm::Work{s.bytes}; })
                 .form;
  return fit;
}

}  // namespace moesim
