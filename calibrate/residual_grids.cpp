#include "calibrate/residual_grids.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "models/cost/work.hpp"

namespace moesim {
namespace {

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

}  // namespace

GemmResidual gemm_grid(std::span<const GemmSample> samples, const GemmForm& form,
                       const Peaks& peaks) {
  const auto axis = kept_rows(samples);
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<float>> curves;
  for (const auto& s : samples) {
    const auto i = index_of(axis, s.m);
    if (i == axis.size() || axis[i] != s.m) continue;
    auto& curve = curves[{s.n, s.k}];
    curve.resize(axis.size(), kNothing);
    const auto work = gemm_work(s.gemm());
    curve[i] = log_ratio(s.time_s, form.time_s(work, peaks));
  }
  std::vector<GemmResidual::Curve> list;
  for (auto& [nk, values] : curves) list.push_back({nk.first, nk.second, std::move(values)});
  return {axis, std::move(list)};
}

namespace {

/// `keep` chooses among the samples.
template <class Keep>
ExpertsResidual grid_of(std::span<const ExpertsSample> samples, const ExpertsForm& form,
                        const Peaks& peaks, ExpertsResidual::Shares shares, Keep keep) {
  // One curve for each way of loading the experts of a family.
  using Way = std::pair<ExpertsResidual::Family, std::string>;
  std::map<Way, std::map<std::int64_t, ExpertsResidual::Point>> curves;
  const auto log_of = [](std::int64_t v) {
    return static_cast<float>(std::log(static_cast<double>(v)));
  };
  for (const auto& s : samples) {
    if (!keep(s)) continue;
    const auto work = s.work();
    const auto load = expert_load(work.tokens_per_expert, form.tile);
    const double form_s = form.time_s(experts_work(work, load), peaks);
    curves[Way{ExpertsResidual::family_of(work), s.distribution}][load.assigned] = {
        log_of(load.assigned), log_of(load.most), log_of(load.active), log_ratio(s.time_s, form_s),
        static_cast<std::int32_t>(work.tokens)};
  }
  std::map<ExpertsResidual::Family, ExpertsResidual::Curves> families;
  for (const auto& [way, points] : curves) {
    std::vector<ExpertsResidual::Point> curve;
    for (const auto& [_, point] : points) curve.push_back(point);
    families[way.first].push_back(std::move(curve));
  }
  return {std::move(families), shares};
}

}  // namespace

ExpertsResidual experts_grid(std::span<const ExpertsSample> samples, const ExpertsForm& form,
                             const Peaks& peaks, ExpertsResidual::Shares shares) {
  return grid_of(samples, form, peaks, shares, [](const auto&) { return true; });
}

namespace {

/// As the fits judge errors (least_squares.cpp): an outlier counts by its size, not its square.
double soft_l1(double log_ratio) { return std::sqrt(1 + 100 * log_ratio * log_ratio); }

/// The share of a prediction that leaves the smallest errors.
class BestShare {
 public:
  void add(double left, double predicted) {
    for (std::size_t i = 0; i < loss_.size(); ++i)
      loss_[i] += soft_l1(left - static_cast<double>(i) / kSteps * predicted);
    any_ = true;
  }
  double or_else(double unknown) const {
    if (!any_) return unknown;
    return static_cast<double>(std::ranges::min_element(loss_) - loss_.begin()) / kSteps;
  }

 private:
  static constexpr std::size_t kSteps = 20;
  std::array<double, kSteps + 1> loss_{};
  bool any_ = false;
};

}  // namespace

double share_of_neighbours(std::span<const ExpertsSample> samples, const ExpertsForm& form,
                           const Peaks& peaks) {
  using Shape = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
  std::map<Shape, std::size_t> shapes;
  const auto shape = [](const ExpertsSample& s) {
    return Shape{s.hidden, s.intermediate * s.tensor, s.experts, s.topk};
  };
  for (const auto& s : samples) shapes.emplace(shape(s), 0);
  std::size_t next = 0;
  for (auto& [_, number] : shapes) number = next++;
  BestShare best;
  constexpr std::size_t folds = 5;
  for (std::size_t fold = 0; fold < std::min(folds, shapes.size()) && shapes.size() > 1; ++fold) {
    const auto in_fold = [&](const ExpertsSample& s) {
      return shapes.at(shape(s)) % folds == fold;
    };
    const auto grid = grid_of(samples, form, peaks, {}, std::not_fn(in_fold));
    for (const auto* s : thinned(samples)) {
      if (!in_fold(*s)) continue;
      const auto work = s->work();
      const auto load = expert_load(work.tokens_per_expert, form.tile);
      const double left = std::log(s->time_s / form.time_s(experts_work(work, load), peaks));
      best.add(left, grid.at(work, load).log_ratio);
    }
  }
  return best.or_else(1);
}

double share_of_steps(std::span<const ExpertsSample> samples, const ExpertsForm& form,
                      const Peaks& peaks) {
  const auto kept = kept_tokens(samples);
  if (kept.size() < 3) return 0;
  const auto left_out = [&](const ExpertsSample& s) {
    return !std::ranges::binary_search(kept, s.tokens);
  };
  // What a grid says is linear in the share.
  const auto without = grid_of(samples, form, peaks, {1, 0}, std::not_fn(left_out)),
             with = grid_of(samples, form, peaks, {1, 1}, std::not_fn(left_out));
  BestShare best;
  for (const auto* s : thinned(samples)) {
    const auto work = s->work();
    if (!left_out(*s) || !without.knows(work)) continue;
    const auto load = expert_load(work.tokens_per_expert, form.tile);
    const double left = std::log(s->time_s / form.time_s(experts_work(work, load), peaks));
    const double smooth = without.at(work, load).log_ratio;
    best.add(left - smooth, with.at(work, load).log_ratio - smooth);
  }
  return best.or_else(0);
}

namespace {

template <class Work, class Form>
AttentionResidual grid_of(std::span<const AttentionSample> samples, const Form& form,
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

}  // namespace

AttentionResidual attention_grid(std::span<const AttentionSample> samples, const PrefillForm& form,
                                 const Peaks& peaks) {
  return grid_of(samples, form, peaks,
                 [&](const AttentionSample& s) { return prefill_work(s.shape, s.load(), form); });
}

AttentionResidual attention_grid(std::span<const AttentionSample> samples, const DecodeForm& form,
                                 const Peaks& peaks) {
  return grid_of(samples, form, peaks,
                 [&](const AttentionSample& s) { return decode_work(s.shape, s.load(), form); });
}

std::vector<std::int64_t> kept_tokens(std::span<const ExpertsSample> samples) {
  std::set<std::int64_t> all;
  for (const auto& s : samples) all.insert(s.tokens);
  std::vector<std::int64_t> kept;
  std::size_t i = 0;
  for (const auto tokens : all)
    if (i++ % 2 == 0 || tokens == *all.rbegin()) kept.push_back(tokens);
  return kept;
}

}  // namespace moesim
