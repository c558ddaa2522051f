// Tiers `fit` and `residual`: forms fitted to measured kernels, and those forms corrected by what
// they left over. Each operation takes the best it can get: the first profile with a fit for its
// number format, else the data sheet; a scenario may hold any operation to another tier.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "models/cost/predict.hpp"
#include "models/cost/profile_catalogue.hpp"

namespace moesim {
namespace {

struct CalibratedConfig {
  std::vector<std::string> profiles;
  std::string library;
  std::optional<CostTier> gemm, experts, attention, elementwise;
  static const Parameters<CalibratedConfig>& parameters();
};

class Calibrated : public CostModel {
 public:
  Calibrated(const CalibratedConfig& config, const Context& context, CostTier best)
      : device_(context.device), spec_(Choice<CostModel>("spec").make(context)) {
    const auto names =
        config.profiles.empty() ? profiles_of(device_.name, config.library) : config.profiles;
    for (const auto& name : names) {
      profiles_.push_back(std::make_unique<Profile>(read_profile(profile_file(name))));
      if (profiles_.back()->device != device_.name && !config.profiles.empty())
        throw InputError("profile '" + name + "' is of device '" + profiles_.back()->device +
                         "', the scenario runs on '" + device_.name + "'");
    }
    const auto tier = [best](const std::optional<CostTier>& asked) {
      return asked ? std::min(*asked, best) : best;
    };
    for (std::size_t i = 0; i < peaks_.size(); ++i)
      peaks_[i] = peaks_of(device_, static_cast<Dtype>(i));
    gemm_ = tier(config.gemm);
    experts_ = tier(config.experts);
    attention_ = tier(config.attention);
    elementwise_ = tier(config.elementwise);
  }

  Prediction gemm(const Gemm& g) const override {
    if (g.m <= 0 || g.n <= 0 || g.k <= 0) return {};
    const auto* fit = gemm_ == CostTier::spec ? nullptr : gemm_fit(g.weight);
    return fit == nullptr ? spec_->gemm(g)
                          : predict(*fit, peaks(fit->weight), g, gemm_ == CostTier::residual);
  }

  Prediction experts(const ExpertWork& w) const override {
    const auto* fit = experts_ == CostTier::spec ? nullptr : experts_fit(w.weight, w.gated);
    return fit == nullptr ? spec_->experts(w)
                          : predict(*fit, peaks(fit->weight), w, experts_ == CostTier::residual);
  }

  Prediction attention(const AttentionShape& s, const AttentionLoad& load) const override {
    Prediction total{Seconds(0), CostTier::residual, true};
    const auto add = [&](const Prediction& part) {
      total = {total.time + part.time, std::min(total.tier, part.tier),
               total.measured && part.measured};
    };
    if (load.prefill_tokens > 0) {
      AttentionLoad phase = load;
      phase.decode_sequences = 0;
      phase.decode_context = 0;
      add(one_phase(&Profile::prefill, s, phase));
    }
    if (load.decode_sequences > 0) {
      AttentionLoad phase;
      phase.decode_sequences = load.decode_sequences;
      phase.decode_context = load.decode_context;
      add(one_phase(&Profile::decode, s, phase));
    }
    return total.time.value > 0 ? total : Prediction{};
  }

  Prediction elementwise(Bytes moved, int kernels) const override {
    for (const auto& profile : profiles_)
      for (const auto& fit : profile->elementwise)
        if (elementwise_ != CostTier::spec) {
          const double each = moved.value / std::max(1, kernels);
          const double time_s = fit.form.time_s({each}, peaks(Dtype::bf16));
          return {Seconds(kernels * time_s), CostTier::fit, fit.bytes.holds(each)};
        }
    return spec_->elementwise(moved, kernels);
  }

 private:
  /// The first fit of the first profile that has one; fp16 computes as bf16 does.
  static Dtype computed_as(Dtype weight) { return weight == Dtype::fp16 ? Dtype::bf16 : weight; }

  const GemmFit* gemm_fit(Dtype weight) const {
    for (const auto& profile : profiles_)
      for (const auto& fit : profile->gemm)
        if (fit.weight == computed_as(weight)) return &fit;
    return nullptr;
  }

  const ExpertsFit* experts_fit(Dtype weight, bool gated) const {
    for (const auto& profile : profiles_)
      for (const auto& fit : profile->experts)
        if (fit.weight == computed_as(weight) && fit.gated == gated) return &fit;
    return nullptr;
  }

  /// A fit for the cache's format and the head's width; another width if need be, then by form.
  template <class Fit>
  Prediction one_phase(std::vector<Fit> Profile::*fits, const AttentionShape& s,
                       const AttentionLoad& load) const {
    const Fit* chosen = nullptr;
    const bool latent = s.kind == AttentionKind::kMultiHeadLatent;
    for (const auto& profile : profiles_)
      for (const auto& fit : (*profile).*fits) {
        if (fit.kind != s.kind || fit.kv != computed_as(s.kv)) continue;
        const bool same_width = latent || fit.head_dim == s.head_dim;
        if (same_width && attention_ != CostTier::spec)
          return predict(fit, peaks(fit.math), s, load, attention_ == CostTier::residual);
        if (chosen == nullptr) chosen = &fit;
      }
    if (chosen == nullptr || attention_ == CostTier::spec) return spec_->attention(s, load);
    auto by_form = predict(*chosen, peaks(chosen->math), s, load, false);
    by_form.measured = false;
    return by_form;
  }

  const Peaks& peaks(Dtype math) const { return peaks_[static_cast<std::size_t>(math)]; }

  Device device_;
  std::array<Peaks, 8> peaks_;  ///< by Dtype
  std::unique_ptr<CostModel> spec_;
  std::vector<std::unique_ptr<Profile>> profiles_;
  CostTier gemm_, experts_, attention_, elementwise_;
};

class Fit final : public Calibrated {
 public:
  using Config = CalibratedConfig;
  Fit(const Config& config, const Context& context) : Calibrated(config, context, CostTier::fit) {}
};

class FitAndResidual final : public Calibrated {
 public:
  using Config = CalibratedConfig;
  FitAndResidual(const Config& config, const Context& context)
      : Calibrated(config, context, CostTier::residual) {}
};

const Parameters<CalibratedConfig>& CalibratedConfig::parameters() {
  static const auto list =
      Parameters<CalibratedConfig>()
          .optional("profiles", &CalibratedConfig::profiles,
                    "profiles by name or path, the first that has an operation serves it; empty: "
                    "those that ship for the device")
          .optional("library", &CalibratedConfig::library,
                    "among shipped profiles, those of this library first (vllm, sglang, trtllm); "
                    "empty: in this order")
          .optional("gemm", &CalibratedConfig::gemm, "tier of dense GEMMs; the best by default")
          .optional("experts", &CalibratedConfig::experts, "tier of routed experts")
          .optional("attention", &CalibratedConfig::attention, "tier of attention")
          .optional("elementwise", &CalibratedConfig::elementwise,
                    "tier of norms, activations and residual adds");
  return list;
}

const Register<CostModel, Fit> fit("fit", "forms fitted to measured kernels, data sheet elsewhere");
const Register<CostModel, FitAndResidual> residual(
    "residual", "fitted forms corrected by the measurements around them, data sheet elsewhere");

}  // namespace
}  // namespace moesim
