// Top-k on sigmoid score + bias, the bias driven to balance by the rule of bias_balance.hpp: it
// runs over the tokens of the pool batch by batch, again and again, before the choices are taken,
// as it did during training.
#include <algorithm>

#include "sim/core/portable_math.hpp"
#include "sim/routing/bias_balance.hpp"
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"

namespace moesim {
namespace {

class BiasBalanced final : public Router {
 public:
  struct Config {
    double gamma = 0.001;
    std::int64_t updates = 1000, batch = 256;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("gamma", &Config::gamma,
                        "step of the bias after every batch (DeepSeek-V3: 0.001)")
              .min(0)
              .max(1)
              .optional("updates", &Config::updates, "batches that the rule has seen")
              .min(0)
              .max(1'000'000)
              .optional("batch", &Config::batch, "tokens of such a batch")
              .min(1);
      return list;
    }
  };

  BiasBalanced(const Config& config, const Context& context) : Router(context), config_(config) {}
  std::int64_t groups() const override { return config_.updates > 0 ? 0 : 1; }

  void route(const RoutedLayer& layer, std::span<const float> logits,
             std::span<std::uint16_t> chosen) override {
    const auto experts = static_cast<std::size_t>(layer.experts), tokens = logits.size() / experts;
    const auto k = static_cast<std::size_t>(width());
    std::vector<float> score;
    for (const float x : logits)
      score.push_back(
          static_cast<float>(1 / (1 + portable_exp(std::min(700.0, -static_cast<double>(x))))));
    BiasBalance rule(experts, config_.gamma);
    std::vector<float> biased(experts);
    const auto take = [&](std::size_t token, std::span<std::uint16_t> into) {
      for (std::size_t e = 0; e < experts; ++e)
        biased[e] = score[token * experts + e] + rule.bias()[e];
      select_top(biased, into);
    };
    std::vector<std::uint16_t> picked(k);
    std::vector<std::int64_t> load(experts);
    const auto batch = std::min(static_cast<std::size_t>(config_.batch), tokens);
    for (std::int64_t u = 0; u < config_.updates && config_.gamma > 0; ++u) {
      std::ranges::fill(load, 0);
      for (std::size_t i = 0; i < batch; ++i) {
        take((static_cast<std::size_t>(u) * batch + i) % tokens, picked);
        for (const auto id : picked) ++load[id];
      }
      rule.update(load);
    }
    for (std::size_t t = 0; t < tokens; ++t) take(t, chosen.subspan(t * k, k));
  }

 private:
  Config config_;
};

const Register<Router, BiasBalanced> bias_balanced_registered(
    "bias-balanced", "top-k on score + bias, the bias balanced without auxiliary loss (ALF-LB)");

}  // namespace
}  // namespace moesim
