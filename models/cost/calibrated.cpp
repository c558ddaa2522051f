// Tiers `fit` and `residual`: forms fitted to measured kernels, and those forms corrected by what
// they left over. Each operation takes the best it can get: the first profile with a fit for its
// number format, else the data sheet; a scenario may hold any operation to another tier.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>

#include "models/cost/kernel_choice.hpp"
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

/// A profile and the peaks that its fits divide by: those of the device it was measured on where it
/// brings one, else those of the scenario's.
class Loaded {
 public:
  Loaded(const std::string& file, const Device& simulated) : profile_(shared_profile(file)) {
    const auto& device = profile_->measured_device ? *profile_->measured_device : simulated;
    for (std::size_t i = 0; i < peaks_.size(); ++i)
      peaks_[i] = peaks_of(device, static_cast<Dtype>(i));
    for (const auto& fit : profile_->experts) {
      auto& kernels = kernels_[{fit.weight, fit.gated}];
      // The suite's own kernel and a library's are no alternatives within one engine.
      if (kernels.empty() || own(*kernels.front()) == own(fit)) kernels.push_back(&fit);
    }
  }
  const Profile* operator->() const { return profile_.get(); }
  const Profile& operator*() const { return *profile_; }
  const Peaks& peaks(Dtype math) const { return peaks_[static_cast<std::size_t>(math)]; }
  using Kernels = std::vector<const ExpertsFit*>;
  /// Those for experts of one format; null when there is none.
  const Kernels* experts_of(Dtype weight, bool gated) const {
    const auto found = kernels_.find({weight, gated});
    return found == kernels_.end() ? nullptr : &found->second;
  }

 private:
  static bool own(const ExpertsFit& fit) { return fit.origin.kernel == "own"; }
  std::shared_ptr<const Profile> profile_;
  std::array<Peaks, 8> peaks_;  ///< by Dtype
  std::map<std::pair<Dtype, bool>, Kernels> kernels_;
};

class Calibrated : public CostModel {
 public:
  Calibrated(const CalibratedConfig& config, const Context& context, CostTier best)
      : device_(context.device), spec_(Choice<CostModel>("spec").make(context)) {
    const auto names =
        config.profiles.empty() ? profiles_of(device_.name, config.library) : config.profiles;
    for (const auto& name : names) {
      profiles_.emplace_back(profile_file(name), device_);
      if (profiles_.back()->device != device_.name && !config.profiles.empty())
        throw InputError("profile '" + name + "' is of device '" + profiles_.back()->device +
                         "', the scenario runs on '" + device_.name + "'");
    }
    const auto tier = [best](const std::optional<CostTier>& asked) {
      return asked ? std::min(*asked, best) : best;
    };
    gemm_ = tier(config.gemm);
    experts_ = tier(config.experts);
    attention_ = tier(config.attention);
    elementwise_ = tier(config.elementwise);
  }

  Prediction gemm(const Gemm& g) const override {
    if (g.m <= 0 || g.n <= 0 || g.k <= 0) return {};
    if (gemm_ != CostTier::spec)
      for (const auto& profile : profiles_)
        for (const auto& fit : profile->gemm)
          if (fit.weight == computed_as(g.weight))
            return predict(fit, profile.peaks(fit.weight), g, gemm_ == CostTier::residual);
    return spec_->gemm(g);
  }

  // The gate belongs to the experts: whether their choice is part of it is a matter of the profile
  // that serves them.
  Prediction router(const Gemm& g) const override {
    if (g.m <= 0 || g.n <= 0 || g.k <= 0) return {};
    if (experts_ != CostTier::spec)
      for (const auto& profile : profiles_) {
        if (profile->experts.empty() && profile->sequential_experts.empty()) continue;
        if (profile->router.empty()) break;
        const auto& fit = profile->router.front();
        return predict(fit, profile.peaks(fit.weight), g, experts_ == CostTier::residual);
      }
    return gemm(g);
  }

  Prediction experts(const ExpertWork& w) const override {
    const bool residual = experts_ == CostTier::residual;
    const auto serves = [&, weight = computed_as(w.weight)](const auto& fit) {
      return fit.weight == weight && fit.gated == w.gated;
    };
    if (experts_ != CostTier::spec)
      for (const auto& profile : profiles_) {
        for (const auto& fit : profile->sequential_experts)
          if (serves(fit)) return predict(fit, profile.peaks(fit.weight), w, residual);
        if (const auto* kernels = profile.experts_of(computed_as(w.weight), w.gated)) {
          const auto& peaks = profile.peaks(kernels->front()->weight);
          return predict(kernel_choice_.of(*kernels, peaks, w), peaks, w, residual);
        }
      }
    return spec_->experts(w);
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
          const double time_s = fit.form.time_s({each}, profile.peaks(Dtype::bf16));
          return {Seconds(kernels * time_s), CostTier::fit, fit.bytes.holds(each)};
        }
    return spec_->elementwise(moved, kernels);
  }

 private:
  /// The first fit of the first profile that has one serves; fp16 computes as bf16 does.
  static Dtype computed_as(Dtype weight) { return weight == Dtype::fp16 ? Dtype::bf16 : weight; }

  /// A fit for the cache's format and the head's width; another width if need be, then by form.
  template <class Fit>
  Prediction one_phase(std::vector<Fit> Profile::*fits, const AttentionShape& s,
                       const AttentionLoad& load) const {
    const Fit* chosen = nullptr;
    const Loaded* of = nullptr;
    const bool latent = s.kind == AttentionKind::kMultiHeadLatent;
    for (const auto& profile : profiles_)
      for (const auto& fit : (*profile).*fits) {
        if (fit.kind != s.kind || fit.kv != computed_as(s.kv)) continue;
        const bool same_width = latent || fit.head_dim == s.head_dim;
        if (same_width && attention_ != CostTier::spec)
          return predict(fit, profile.peaks(fit.math), s, load, attention_ == CostTier::residual);
        if (chosen == nullptr) chosen = &fit, of = &profile;
      }
    if (chosen == nullptr || attention_ == CostTier::spec) return spec_->attention(s, load);
    auto by_form = predict(*chosen, of->peaks(chosen->math), s, load, false);
    by_form.measured = false;
    return by_form;
  }

  Device device_;
  std::unique_ptr<CostModel> spec_;
  std::vector<Loaded> profiles_;
  KernelChoice kernel_choice_;
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
