// Big, small or no feed-forward per token and layer (Duo-LLM, arXiv 2410.10846): a share of the
// tokens takes the layer's experts, another a small module (16 times narrower in the paper), the
// rest skips both.
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"

namespace moesim {
namespace {

class ModuleChoice final : public Router {
 public:
  struct Config {
    double big = 0.5, small = 0.5, small_width = 0.0625;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("big", &Config::big, "share of tokens that take the layer's experts")
              .min(0)
              .max(1)
              .optional("small", &Config::small, "share of tokens that take the small module")
              .min(0)
              .max(1)
              .optional("small_width", &Config::small_width,
                        "intermediate size of the small module / that of the chosen experts")
              .above(0)
              .max(1);
      return list;
    }
    void check(const Node& at) const {
      if (big + small > 1 + 1e-9)
        throw InputError(at.where, "big and small are shares of the tokens: together at most 1");
    }
  };

  ModuleChoice(const Config& config, const Context& context) : Router(context), config_(config) {}
  LayerEffect effect(const RoutedLayer&) const override {
    LayerEffect effect;
    effect.expert_share = config_.big;
    effect.small_share = config_.small;
    effect.small_width = config_.small_width * static_cast<double>(context_.top_k);
    return effect;
  }

 private:
  void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) override {
    select_top(logits, chosen);
  }
  Config config_;
};

const Register<Router, ModuleChoice> module_choice_registered(
    "module-choice", "the experts, a small module or neither, per token and layer (Duo-LLM)");

}  // namespace
}  // namespace moesim
