// Re-routing in flight (Rewiring experts on the fly, arXiv 2510.14853): on the prompt and again
// every so many generated tokens the request stops, and an additive vector of logits is optimised
// for chosen layers by passes over its context. Choices shift by that vector; requests pause for
// it.
#include "sim/core/random.hpp"
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"

namespace moesim {
namespace {

class Rewired final : public Router {
 public:
  struct Config {
    double every_tokens = 128, passes = 3, strength = 0.5;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("every_tokens", &Config::every_tokens,
                        "generated tokens of a request between two optimisations (paper: 128)")
              .above(0)
              .optional("passes", &Config::passes,
                        "forward passes over the context that one takes; a step forward and back "
                        "counts for three")
              .min(0)
              .optional("strength", &Config::strength,
                        "standard deviation of the vector that is added to the logits")
              .min(0)
              .max(10);
      return list;
    }
  };

  Rewired(const Config& config, const Context& context) : Router(context), config_(config) {}
  std::int64_t groups() const override { return 0; }
  LayerEffect effect(const RoutedLayer&) const override {
    LayerEffect effect;
    effect.pause_every_tokens = config_.every_tokens;
    effect.pause_passes = config_.passes;
    return effect;
  }

  void route(const RoutedLayer& layer, std::span<const float> logits,
             std::span<std::uint16_t> chosen) override {
    const auto experts = static_cast<std::size_t>(layer.experts),
               k = static_cast<std::size_t>(width());
    const RandomStream random(0x4e3, stream_id("rewired", static_cast<std::uint64_t>(layer.layer)));
    std::vector<float> shift(experts), moved(experts);
    random.fill_normal(0, shift);
    for (std::size_t t = 0; t * experts < logits.size(); ++t) {
      for (std::size_t e = 0; e < experts; ++e)
        moved[e] = logits[t * experts + e] + static_cast<float>(config_.strength) * shift[e];
      select_top(moved, chosen.subspan(t * k, k));
    }
  }

 private:
  Config config_;
};

const Register<Router, Rewired> rewired_registered(
    "rewired", "logits optimised in flight on a request's own context, with pauses");

}  // namespace
}  // namespace moesim
