// Choices with the statistics of a recorded model (generator.hpp): popularity per layer, domains,
// drift, and affinity between neighbouring tokens and layers. A batch takes neighbouring tokens of
// the pool: with as many sequences as tokens (the default) a decode batch of different requests,
// with few a stretch of prefill.
#include <algorithm>
#include <cmath>

#include "sim/core/random.hpp"
#include "sim/routing/choice_source.hpp"
#include "sim/routing/generator.hpp"

namespace moesim {
namespace {

class Generated final : public ChoiceSource {
 public:
  struct Config {
    std::string profile = "deepseek-v2-lite";
    std::vector<double> domains = {1};
    std::optional<double> common, common_middle, sigma;
    std::int64_t sequences = 0;
    double drift = 1;
    std::int64_t drift_steps = 0;
    static const Parameters<Config>& parameters();
  };

  Generated(const Config& config, const Context& context)
      : config_(config), context_(context), profile_(read_routing_profile(config.profile)) {
    if (config_.sigma) profile_.sigma = {*config_.sigma};
    shape_.moe_layers = context.moe_layers;
    shape_.experts = context.experts;
    shape_.seed = context.seed;
    shape_.drift = config.drift;
    const double edge = config.common.value_or(profile_.common);
    const double middle = config.common_middle.value_or(edge);
    for (std::int64_t l = 0; l < context.moe_layers; ++l) {
      const double last = static_cast<double>(std::max<std::int64_t>(1, context.moe_layers - 1));
      const double from_middle = std::abs(2 * static_cast<double>(l) / last - 1);
      shape_.common.push_back(std::lerp(middle, edge, from_middle));
    }
    double sum = 0;
    for (const double share : config.domains) sum += share;
    if (config.domains.empty() || sum <= 0)
      throw InputError("domains: at least one needs a positive share of the traffic");
    for (const double share : config.domains)
      cumulative_.push_back((cumulative_.empty() ? 0 : cumulative_.back()) + share / sum);
  }

  Choices sample(std::int64_t layer, std::int64_t tokens, Router& router) override {
    if (trace_.tokens() != tokens || router_ != &router) generate(tokens, router);
    return {trace_.top_k, trace_.by_layer[static_cast<std::size_t>(layer)]};
  }

  std::int64_t steps_per_epoch() const override { return config_.drift_steps; }
  void drift_to(std::int64_t epoch) override {
    shape_.epoch = epoch;
    router_ = nullptr;
  }

 private:
  /// Token after token, all sequences side by side.
  void generate(std::int64_t tokens, Router& router) {
    const auto sequences = config_.sequences > 0 ? std::min(config_.sequences, tokens) : tokens;
    const RandomStream random(context_.seed, stream_id("domain of a sequence"));
    std::vector<GeneratedSequence> plan;
    for (std::int64_t s = 0; s < sequences; ++s) {
      const double u = random.uniform(static_cast<std::uint64_t>(s));
      const auto domain = std::ranges::upper_bound(cumulative_, u) - cumulative_.begin();
      plan.push_back({(tokens - s + sequences - 1) / sequences,
                      std::min<std::int64_t>(domain, std::ssize(cumulative_) - 1)});
    }
    const auto joined = generate_trace(profile_, shape_, plan, router);
    trace_ = joined;
    const auto k = static_cast<std::size_t>(joined.top_k);
    std::vector<std::int64_t> first;
    for (std::int64_t at = 0; const auto& sequence : plan) {
      first.push_back(at);
      at += sequence.tokens;
    }
    for (std::size_t l = 0; l < joined.by_layer.size(); ++l)
      for (std::int64_t i = 0; i < tokens; ++i) {
        const auto from = static_cast<std::size_t>(first[static_cast<std::size_t>(i % sequences)] +
                                                   i / sequences);
        std::copy_n(joined.by_layer[l].begin() + static_cast<std::ptrdiff_t>(from * k), k,
                    trace_.by_layer[l].begin() +
                        static_cast<std::ptrdiff_t>(static_cast<std::size_t>(i) * k));
      }
    router_ = &router;
  }

  Config config_;
  Context context_;
  RoutingProfile profile_;
  GeneratorShape shape_;
  std::vector<double> cumulative_;  ///< share of the domains up to each
  RecordedTrace trace_;
  const Router* router_ = nullptr;  ///< that `trace_` went through
};

const Parameters<Generated::Config>& Generated::Config::parameters() {
  static const auto list =
      Parameters<Config>()
          .optional("profile", &Config::profile,
                    "statistics of a recorded model: a name that ships (sim/routing/profiles) or a "
                    "path, as written by `moesim calibrate routing`")
          .optional("domains", &Config::domains,
                    "shares of the traffic of each domain (task, language)")
          .min(0)
          .optional("common", &Config::common,
                    "correlation of the experts' popularity between domains (default: the "
                    "profile's)")
          .min(0)
          .max(1)
          .optional("common_middle", &Config::common_middle,
                    "the same in the middle layers, `common` holding at both ends (multilingual "
                    "routing, arXiv 2510.04694: middle layers are shared between languages)")
          .min(0)
          .max(1)
          .optional("sigma", &Config::sigma, "spread of log popularity in every layer")
          .min(0)
          .max(5)
          .optional("sequences", &Config::sequences,
                    "sequences side by side in the pool; 0: every token is of another sequence")
          .min(0)
          .optional("drift", &Config::drift,
                    "correlation of log popularity from one epoch to the next")
          .min(0)
          .max(1)
          .optional("drift_steps", &Config::drift_steps,
                    "engine steps of an epoch; 0: popularity does not drift")
          .min(0);
  return list;
}

const Register<ChoiceSource, Generated> generated_registered(
    "generated", "the statistics of a recorded model: domains, drift, token and layer affinity");

}  // namespace
}  // namespace moesim
