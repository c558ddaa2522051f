#include "calibrate/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "calibrate/hold_out.hpp"
#include "models/cost/predict.hpp"

namespace moesim {
namespace {

std::string named(const char* operation, const KernelFormat& format) {
  return format.kernel.empty() ? fmt::format("{} {}", operation, format.scheme)
                               : fmt::format("{} {} ({})", operation, format.scheme, format.kernel);
}

template <class Fit>
const Fit* find_fit(const std::vector<Fit>& fits, const KernelFormat& format) {
  for (const auto& fit : fits)
    if (fit.weight == format.weight && fit.origin.scheme == format.scheme &&
        fit.origin.kernel == format.kernel)
      return &fit;
  return nullptr;
}

std::string relation(const GemmFit& fit, const GemmSample& s) {
  const auto& grid = fit.residual;
  const bool pair = std::ranges::any_of(
      grid.curves(), [&](const auto& curve) { return curve.n == s.n && curve.k == s.k; });
  if (!pair) return "unseen (n, k)";
  return std::ranges::binary_search(grid.m(), s.m) ? "calibration point" : "unseen m";
}

std::string relation(const ExpertsFit& fit, const ExpertsSample& s) {
  const auto family = fit.residual.families().find(ExpertsResidual::family_of(s.work()));
  if (family == fit.residual.families().end()) return "unseen shape";
  const auto load = expert_load(s.tokens_per_expert, 1);
  for (const auto& curve : family->second)
    for (const auto& p : curve)
      if (std::llround(std::exp(p.log_assigned)) == load.assigned &&
          std::llround(std::exp(p.log_most)) == load.most)
        return "calibration point";
  return "unseen token count";
}

template <class Fit>
std::string relation(const Fit& fit, const AttentionSample& s) {
  const auto& grid = fit.residual;
  const AttentionResidual::Shape shape{s.shape.heads, s.shape.kv_heads};
  if (s.context > 0) return "behind a prefix";
  if (std::ranges::none_of(grid.grids(), [&](const auto& g) { return g.shape == shape; }))
    return "unseen heads";
  if (!std::ranges::binary_search(grid.batch(), s.batch)) return "unseen batch";
  return std::ranges::binary_search(grid.length(), s.length) ? "calibration point"
                                                             : "unseen length";
}

template <class Predicted>
CheckedPoint checked(std::string operation, std::string relation, std::string regime,
                     double measured_s, Predicted predicted) {
  const auto error = [&](bool residual) { return predicted(residual).time.value / measured_s - 1; };
  return {std::move(operation), std::move(relation), std::move(regime), error(true), error(false)};
}

template <class Form>
const AttentionFit<Form>* find_attention(const std::vector<AttentionFit<Form>>& fits,
                                         const AttentionSample& s) {
  for (const auto& fit : fits)
    if (fit.kind == s.shape.kind && fit.kv == s.shape.kv && fit.math == s.math &&
        fit.head_dim == s.shape.head_dim && fit.origin.kernel == s.kernel)
      return &fit;
  return nullptr;
}

}  // namespace

std::string operation_of(const GemmSample& s) { return named("gemm", s.format); }
std::string operation_of(const ExpertsSample& s) { return named("experts", s.format); }
std::string operation_of(const AttentionSample& s) {
  const auto name = [](Dtype dtype) {
    return names_of(Dtype{}).at(static_cast<std::size_t>(dtype));
  };
  return fmt::format("{} {} {}, kv {}", s.decode ? "decode" : "prefill",
                     s.shape.kind == AttentionKind::kMultiHeadLatent ? "mla" : "gqa", name(s.math),
                     name(s.shape.kv));
}

Checked check_profile(const Profile& profile, const Device& device, const Measured& measured) {
  Checked result;
  const auto missing = [&](const std::string& operation) {
    ++result.left_out["the profile has no fit of " + operation];
  };
  for (const auto& s : measured.gemm) {
    const auto* fit = find_fit(profile.gemm, s.format);
    if (fit == nullptr) {
      missing(operation_of(s));
      continue;
    }
    result.points.push_back(checked(operation_of(s), relation(*fit, s),
                                    s.m <= 512 ? "m <= 512" : "m > 512", s.time_s, [&](bool r) {
                                      return predict(*fit, peaks_of(device, *fit),
                                                     {s.m, s.n, s.k, fit->weight, Dtype::bf16}, r);
                                    }));
  }
  for (const auto& s : measured.experts) {
    const auto* fit = find_fit(profile.experts, s.format);
    if (fit == nullptr) {
      missing(operation_of(s));
      continue;
    }
    result.points.push_back(
        checked(operation_of(s), relation(*fit, s), regime_of(s), s.time_s,
                [&](bool r) { return predict(*fit, peaks_of(device, *fit), s.work(), r); }));
  }
  for (const auto& s : measured.attention) {
    const auto add = [&](const auto* fit) {
      if (fit == nullptr) return missing(operation_of(s));
      result.points.push_back(checked(
          operation_of(s), relation(*fit, s), "", s.time_s,
          [&](bool r) { return predict(*fit, peaks_of(device, *fit), s.shape, s.load(), r); }));
    };
    if (s.decode)
      add(find_attention(profile.decode, s));
    else
      add(find_attention(profile.prefill, s));
  }
  for (const auto& s : measured.elementwise) {
    if (profile.elementwise.empty()) {
      missing("element-wise kernels");
      continue;
    }
    const double predicted_s =
        profile.elementwise.front().form.time_s({s.bytes}, peaks_of(device, Dtype::bf16));
    const double error = predicted_s / s.time_s - 1;
    result.points.push_back({"element-wise " + s.kernel, "", "", error, error});
  }
  return result;
}

}  // namespace moesim
