#include "calibrate/hold_out.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "calibrate/residual_grids.hpp"
#include "models/cost/predict.hpp"

namespace moesim {
namespace {

template <class Sample>
struct Split {
  std::vector<Sample> fit, test;
};

template <class Sample, class IsTest>
Split<Sample> split(std::span<const Sample> samples, IsTest is_test) {
  Split<Sample> result;
  for (const auto& s : samples) (is_test(s) ? result.test : result.fit).push_back(s);
  return result;
}

template <class Fit, class Make>
HeldOutPoint point(const Fit& fit, double measured_s, std::string regime, Make predicted) {
  const auto error = [&](bool residual) {
    return predicted(fit, residual).time.value / measured_s - 1;
  };
  return {error(true), error(false), std::move(regime)};
}

/// 3 of 10 (n, k) pairs, by a hash that spreads neighbours.
bool held_out_pair(std::int64_t n, std::int64_t k) {
  const auto mixed = (static_cast<std::uint64_t>(n) * 0x9E3779B97F4A7C15ULL) ^
                     (static_cast<std::uint64_t>(k) * 0xC2B2AE3D27D4EB4FULL);
  return (mixed ^ mixed >> 31) % 10 < 3;
}

double quantile(const std::vector<double>& ascending, double p) {
  const double rank = p * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const auto above = std::min(below + 1, ascending.size() - 1);
  return ascending[below] +
         (rank - static_cast<double>(below)) * (ascending[above] - ascending[below]);
}

HoldOut summary(const std::string& split, const std::string& regime, CostTier tier,
                std::vector<double> errors) {
  HoldOut result;
  result.split = split;
  result.regime = regime;
  result.tier = tier;
  result.points = static_cast<std::int64_t>(errors.size());
  std::ranges::sort(errors);
  result.bias = quantile(errors, 0.5);
  for (auto& e : errors) e = std::fabs(e);
  std::ranges::sort(errors);
  for (const double e : errors) result.mean += e / static_cast<double>(errors.size());
  result.median = quantile(errors, 0.5);
  result.p90 = quantile(errors, 0.9);
  return result;
}

}  // namespace

std::string regime_of(const ExpertsSample& s) {
  return std::string(s.tokens <= 512 ? "decode" : "prefill") +
         (s.balanced() ? " balanced" : " skewed");
}

std::vector<SplitErrors> hold_out(std::span<const GemmSample> samples, const Device& device) {
  const auto parts = split(samples, [](const GemmSample& s) { return held_out_pair(s.n, s.k); });
  if (parts.fit.size() < kFewestPoints || parts.test.empty()) return {};
  const auto fit = fit_gemm(parts.fit, device);
  SplitErrors errors{"unseen (n, k)", {}};
  for (const auto& s : parts.test)
    errors.points.push_back(
        point(fit, s.time_s, s.m <= 512 ? "m <= 512" : "m > 512",
              [&](const auto& f, bool r) { return predict(f, peaks_of(device, f), s.gemm(), r); }));
  return {std::move(errors)};
}

std::vector<SplitErrors> hold_out(std::span<const ExpertsSample> samples, const Device& device) {
  std::vector<SplitErrors> all;
  const auto test = [&](const Split<ExpertsSample>& parts, SplitErrors& into) {
    if (parts.fit.size() < kFewestPoints) return;
    const auto fit = fit_experts(parts.fit, device);
    for (const auto& s : parts.test)
      into.points.push_back(point(fit, s.time_s, regime_of(s), [&](const auto& f, bool r) {
        return predict(f, peaks_of(device, f), s.work(), r);
      }));
  };
  const auto kept = kept_tokens(samples);
  SplitErrors tokens{"unseen token count", {}};
  test(split(samples,
             [&](const ExpertsSample& s) { return !std::ranges::binary_search(kept, s.tokens); }),
       tokens);
  if (!tokens.points.empty()) all.push_back(std::move(tokens));

  using Shape = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
  const auto shape = [](const ExpertsSample& s) {
    return Shape{s.hidden, s.intermediate * s.tensor, s.experts, s.topk};
  };
  std::set<Shape> shapes;
  for (const auto& s : samples) shapes.insert(shape(s));
  if (shapes.size() < 2) return all;
  SplitErrors unseen{"unseen shape", {}};
  const std::size_t folds = std::min<std::size_t>(5, shapes.size());
  for (std::size_t fold = 0; fold < folds; ++fold) {
    std::set<Shape> left_out;
    std::size_t i = 0;
    for (const auto& one : shapes)
      if (i++ % folds == fold) left_out.insert(one);
    test(split(samples, [&](const ExpertsSample& s) { return left_out.contains(shape(s)); }),
         unseen);
  }
  if (!unseen.points.empty()) all.push_back(std::move(unseen));
  return all;
}

std::vector<SplitErrors> hold_out(std::span<const AttentionSample> samples, const Device& device) {
  std::set<std::int64_t> lengths;
  for (const auto& s : samples) lengths.insert(s.length);
  std::set<std::int64_t> left_out;
  std::size_t i = 0;
  for (const auto length : lengths)
    if (i++ % 2 == 1 && length != *lengths.rbegin()) left_out.insert(length);
  const auto parts =
      split(samples, [&](const AttentionSample& s) { return left_out.contains(s.length); });
  if (parts.fit.size() < kFewestPoints || parts.test.empty()) return {};
  SplitErrors errors{"unseen length", {}};
  const auto test = [&](const auto& fit) {
    for (const auto& s : parts.test)
      errors.points.push_back(point(fit, s.time_s, "", [&](const auto& f, bool r) {
        return predict(f, peaks_of(device, f), s.shape, s.load(), r);
      }));
  };
  if (parts.fit.front().decode)
    test(fit_decode(parts.fit, device));
  else
    test(fit_prefill(parts.fit, device));
  return {std::move(errors)};
}

std::vector<SplitErrors> hold_out(std::span<const ElementwiseSample> samples,
                                  const Device& device) {
  Split<ElementwiseSample> parts;
  for (std::size_t i = 0; i < samples.size(); ++i)
    (i % 2 == 0 ? parts.fit : parts.test).push_back(samples[i]);
  if (parts.fit.size() < kFewestStreamPoints || parts.test.empty()) return {};
  const auto fit = fit_elementwise(parts.fit, device);
  SplitErrors errors{"unseen size", {}};
  for (const auto& s : parts.test) {
    const double error = fit.form.time_s({s.bytes}, peaks_of(device, Dtype::bf16)) / s.time_s - 1;
    errors.points.push_back({error, error, ""});
  }
  return {std::move(errors)};
}

std::vector<HoldOut> summarise(const SplitErrors& errors) {
  std::set<std::string> regimes = {""};
  for (const auto& p : errors.points) regimes.insert(p.regime);
  std::vector<HoldOut> all;
  for (const auto& regime : regimes)
    for (const auto tier : {CostTier::residual, CostTier::fit}) {
      std::vector<double> values;
      for (const auto& p : errors.points)
        if (regime.empty() || p.regime == regime)
          values.push_back(tier == CostTier::residual ? p.error : p.form_error);
      if (!values.empty()) all.push_back(summary(errors.split, regime, tier, std::move(values)));
    }
  return all;
}

}  // namespace moesim
