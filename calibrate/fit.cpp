#include "calibrate/fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <set>

#include "calibrate/least_squares.hpp"
#include "models/cost/predict.hpp"

namespace moesim {
namespace {

constexpr std::size_t kMostFitted = 1500;  // more points do not move seven parameters

template <class Sample>
std::vector<const Sample*> thinned(std::span<const Sample> samples) {
  std::vector<const Sample*> kept;
  const std::size_t stride = std::max<std::size_t>(1, samples.size() / kMostFitted);
  for (std::size_t i = 0; i < samples.size(); i += stride) kept.push_back(&samples[i]);
  return kept;
}

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

template <class T>
std::vector<std::int64_t> ascending(const std::set<T>& values) {
  return {values.begin(), values.end()};
}

std::size_t index_of(const std::vector<std::int64_t>& axis, std::int64_t value) {
  return static_cast<std::size_t>(std::ranges::lower_bound(axis, value) - axis.begin());
}

constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();

float log_ratio(double measured_s, double form_s) {
  return static_cast<float>(std::log(measured_s / form_s));
}

/// m values worth a column: steps of at least a fifth, and up to 1025 both sides of a tile's edge
/// (64 and 65), where the time jumps.
std::vector<std::int64_t> kept_rows(std::span<const GemmSample> samples) {
  std::set<std::int64_t> all;
  for (const auto& s : samples) all.insert(s.m);
  std::vector<std::int64_t> kept;
  for (const auto m : all) {
    const bool edge = m <= 1025 && m % 64 == 1 && m > 1;
    const bool before_edge = m <= 1024 && m % 64 == 0 && all.contains(m + 1);
    const bool far =
        kept.empty() || static_cast<double>(m) >= 1.2 * static_cast<double>(kept.back());
    const bool after_tile = m > 16 && all.contains(m - 1);
    if (edge || before_edge || (far && !after_tile) || m == *all.rbegin()) kept.push_back(m);
  }
  return kept;
}

GemmResidual gemm_grid(std::span<const GemmSample> samples, const GemmFit& fit,
                       const Peaks& peaks) {
  const auto axis = kept_rows(samples);
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<float>> curves;
  for (const auto& s : samples) {
    const auto i = index_of(axis, s.m);
    if (i == axis.size() || axis[i] != s.m) continue;
    auto& curve = curves[{s.n, s.k}];
    curve.resize(axis.size(), kNothing);
    const auto work = gemm_work(s.gemm());
    curve[i] = log_ratio(s.time_s, fit.form.time_s(work, peaks));
  }
  std::vector<GemmResidual::Curve> list;
  for (auto& [nk, values] : curves) list.push_back({nk.first, nk.second, std::move(values)});
  return {axis, std::move(list)};
}

/// `keep` chooses among the samples.
template <class Keep>
ExpertsResidual experts_grid(std::span<const ExpertsSample> samples, const ExpertsFit& fit,
                             const Peaks& peaks, Keep keep) {
  // One curve for each way of loading the experts of a family.
  using Way = std::tuple<ExpertsResidual::Family, std::string, std::int64_t, std::int64_t>;
  std::map<Way, std::map<std::int64_t, ExpertsResidual::Point>> curves;
  const auto log_of = [](std::int64_t v) {
    return static_cast<float>(std::log(static_cast<double>(v)));
  };
  for (const auto& s : samples) {
    if (!keep(s)) continue;
    const auto work = s.work();
    const auto load = expert_load(work.tokens_per_expert, fit.form.tile);
    const double form_s = fit.form.time_s(experts_work(work, load), peaks);
    const Way way{
        {s.hidden, s.intermediate, static_cast<std::int64_t>(work.tokens_per_expert.size())},
        s.distribution,
        s.experts,
        s.topk};
    curves[way][load.assigned] = {log_of(load.assigned), log_of(load.most), log_of(load.active),
                                  log_ratio(s.time_s, form_s)};
  }
  std::map<ExpertsResidual::Family, ExpertsResidual::Curves> families;
  for (const auto& [way, points] : curves) {
    std::vector<ExpertsResidual::Point> curve;
    for (const auto& [_, point] : points) curve.push_back(point);
    families[std::get<0>(way)].push_back(std::move(curve));
  }
  return {std::move(families), fit.neighbours};
}

/// Whether residuals carry over between shapes: grids of every other shape must predict the shapes
/// between them better than the form alone.
bool neighbours_help(std::span<const ExpertsSample> samples, ExpertsFit fit, const Peaks& peaks) {
  using Shape = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
  std::map<Shape, std::size_t> shapes;
  const auto shape = [](const ExpertsSample& s) {
    return Shape{s.hidden, s.intermediate * s.tensor, s.experts, s.topk};
  };
  for (const auto& s : samples) shapes.emplace(shape(s), 0);
  std::size_t next = 0;
  for (auto& [_, number] : shapes) number = next++;
  fit.neighbours = true;
  double with = 0, without = 0;
  for (const std::size_t fold : {0, 1}) {
    const auto in_fold = [&](const ExpertsSample& s) { return shapes.at(shape(s)) % 2 == fold; };
    const auto grid = experts_grid(samples, fit, peaks, std::not_fn(in_fold));
    if (grid.empty()) return false;
    for (const auto* s : thinned(samples)) {
      if (!in_fold(*s)) continue;
      const auto work = s->work();
      const auto load = expert_load(work.tokens_per_expert, fit.form.tile);
      const double left = std::log(s->time_s / fit.form.time_s(experts_work(work, load), peaks));
      without += std::fabs(left);
      with += std::fabs(left - grid.at(work, load).log_ratio);
    }
  }
  return with < without;
}

template <class Work, class Form>
AttentionResidual attention_grid(std::span<const AttentionSample> samples, const Form& form,
                                 const Peaks& peaks, Work work) {
  std::set<std::int64_t> batches, lengths;
  for (const auto& s : samples) {
    batches.insert(s.batch);
    lengths.insert(s.length);
  }
  const auto batch = ascending(batches), length = ascending(lengths);
  std::map<AttentionResidual::Shape, std::vector<float>> grids;
  for (const auto& s : samples) {
    if (s.context > 0)
      continue;  // the grid is of sequences without a prefix; the form carries over
    auto& grid = grids[{s.shape.heads, s.shape.kv_heads}];
    grid.resize(batch.size() * length.size(), kNothing);
    grid[index_of(batch, s.batch) * length.size() + index_of(length, s.length)] =
        log_ratio(s.time_s, form.time_s(work(s), peaks));
  }
  std::vector<AttentionResidual::Grid> list;
  for (auto& [shape, values] : grids) list.push_back({shape, std::move(values)});
  return {batch, length, std::move(list)};
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
  fit.residual = attention_grid(samples, fit.form, peaks,
                                [&](const AttentionSample& s) { return work(s, fit.form); });
  return fit;
}

}  // namespace

std::vector<std::int64_t> kept_tokens(std::span<const ExpertsSample> samples) {
  std::set<std::int64_t> all;
  for (const auto& s : samples) all.insert(s.tokens);
  std::vector<std::int64_t> kept;
  std::size_t i = 0;
  for (const auto tokens : all)
    if (i++ % 2 == 0 || tokens == *all.rbegin()) kept.push_back(tokens);
  return kept;
}

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
  fit.residual = gemm_grid(samples, fit, peaks);
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
  fit.neighbours = neighbours_help(samples, fit, peaks);
  fit.residual = experts_grid(samples, fit, peaks, [](const auto&) { return true; });
  return fit;
}

AttentionFit<PrefillForm> fit_prefill(std::span<const AttentionSample> samples,
                                      const Device& device) {
  need_points(samples, "prefill attention");
  std::vector<PrefillForm> starts(3);
  starts[1].small_tile = 64;
  starts[2].small_tile = 16;
  return fit_attention<PrefillForm>(samples, device, starts,
                                    [](const AttentionSample& s, const PrefillForm& form) {
                                      return prefill_work(s.shape, s.load(), form.small_tile);
                                    });
}

AttentionFit<DecodeForm> fit_decode(std::span<const AttentionSample> samples,
                                    const Device& device) {
  need_points(samples, "decode attention");
  return fit_attention<DecodeForm>(
      samples, device, {DecodeForm{}},
      [](const AttentionSample& s, const DecodeForm&) { return decode_work(s.shape, s.load()); });
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
