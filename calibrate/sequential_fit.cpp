#include "calibrate/sequential_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "calibrate/least_squares.hpp"
#include "models/cost/predict.hpp"

namespace moesim {
namespace {

using Shape = std::pair<std::int64_t, std::int64_t>;
using Curves = std::map<Shape, std::map<std::int64_t, double>>;  ///< rows -> fastest time [s]

Curves curves_of(std::span<const ExpertsSample> samples) {
  Curves curves;
  for (const auto& s : samples) {
    if (s.tokens_per_expert.size() != 1)
      throw InputError(
          fmt::format("experts that run one after another are measured one at a time, this row "
                      "(line {}) has {}",
                      s.row, s.tokens_per_expert.size()));
    auto& curve = curves[{s.hidden, s.intermediate}];
    const auto [at, fresh] = curve.emplace(s.tokens_per_expert.front(), s.time_s);
    if (!fresh) at->second = std::min(at->second, s.time_s);
  }
  for (const auto& [shape, curve] : curves)
    if (curve.size() < 2)
      throw InputError(
          fmt::format("experts of hidden size {} and intermediate size {} were measured with one "
                      "number of rows only; a curve needs two",
                      shape.first, shape.second));
  return curves;
}

ExpertsForm fitted_form(std::span<const ExpertsSample> samples, const Peaks& peaks) {
  std::vector<ExpertsForm::Work> work;
  std::vector<double> times;
  ExpertsForm best;
  double loss = 0;
  for (const std::int64_t tile : {1, 8, 16}) {
    work.clear();
    times.clear();
    for (const auto& s : samples) {
      work.push_back(experts_work(s.work(), expert_load(s.tokens_per_expert, tile)));
      times.push_back(s.time_s);
    }
    ExpertsForm start;
    start.tile = tile;
    start.floor_s = 1e-6;
    const auto fitted = fit_form(start, std::span<const ExpertsForm::Work>(work), times, peaks);
    if (tile > 1 && fitted.loss >= loss) continue;
    best = fitted.form;
    loss = fitted.loss;
  }
  return best;
}

std::vector<ExpertsSample> only(std::span<const ExpertsSample> samples, auto wanted) {
  std::vector<ExpertsSample> result;
  for (const auto& s : samples)
    if (wanted(s)) result.push_back(s);
  return result;
}

void test(std::span<const ExpertsSample> fit_to, std::span<const ExpertsSample> tested,
          const Device& device, SplitErrors& into) {
  if (fit_to.size() < kFewestPoints) return;
  const auto fit = fit_sequential_experts(fit_to, device);
  const auto error = [&](const ExpertsSample& s, bool residual) {
    return predict(fit, peaks_of(device, fit.weight), s.work(), residual).time.value / s.time_s - 1;
  };
  for (const auto& s : tested)
    into.points.push_back({error(s, true), error(s, false), regime_of(s)});
}

}  // namespace

SequentialExpertsFit fit_sequential_experts(std::span<const ExpertsSample> samples,
                                            const Device& device) {
  if (samples.size() < kFewestPoints)
    throw InputError(
        fmt::format("experts that run one after another: {} usable rows, a fit needs "
                    "at least {}",
                    samples.size(), kFewestPoints));
  const auto& first = samples.front();
  SequentialExpertsFit fit;
  fit.weight = first.format.weight;
  fit.gated = first.gated;
  fit.origin.kernel = first.format.kernel;
  fit.origin.scheme = first.format.scheme;
  fit.origin.points = static_cast<std::int64_t>(samples.size());
  for (const auto& [shape, points] : curves_of(samples)) {
    ExpertCurve curve;
    curve.hidden = shape.first;
    curve.intermediate = shape.second;
    fit.hidden.add(static_cast<double>(shape.first));
    fit.intermediate.add(static_cast<double>(shape.second));
    for (const auto& [rows, time_s] : points) {
      curve.rows.push_back(rows);
      curve.time_s.push_back(time_s);
      fit.rows.add(static_cast<double>(rows));
    }
    fit.curves.push_back(std::move(curve));
  }
  fit.form = fitted_form(samples, peaks_of(device, fit.weight));
  return fit;
}

std::vector<SplitErrors> hold_out_sequential(std::span<const ExpertsSample> samples,
                                             const Device& device) {
  const auto curves = curves_of(samples);
  const auto shape_of = [](const ExpertsSample& s) { return Shape(s.hidden, s.intermediate); };
  std::set<std::pair<Shape, std::int64_t>> odd;
  for (const auto& [shape, points] : curves) {
    std::size_t i = 0;
    for (const auto& [rows, _] : points)
      if (i++ % 2 == 1 && rows != points.rbegin()->first) odd.insert({shape, rows});
  }
  const auto left_out = [&](const ExpertsSample& s) {
    return odd.contains({shape_of(s), s.tokens_per_expert.front()});
  };
  std::vector<SplitErrors> all(2);
  all[0].split = "unseen token count";
  test(only(samples, std::not_fn(left_out)), only(samples, left_out), device, all[0]);
  all[1].split = "unseen shape";
  if (curves.size() > 1)
    for (const auto& [shape, _] : curves) {
      const auto same = [&](const ExpertsSample& s) { return shape_of(s) == shape; };
      test(only(samples, std::not_fn(same)), only(samples, same), device, all[1]);
    }
  std::erase_if(all, [](const SplitErrors& errors) { return errors.points.empty(); });
  return all;
}

}  // namespace moesim
