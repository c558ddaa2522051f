// Chain of experts (arXiv 2506.18945): a layer runs C rounds, each with its own router that takes
// k / C experts of the round before's output: the same experts per token, C serial dispatches and
// combines.
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"

namespace moesim {
namespace {

class ChainOfExperts final : public Router {
 public:
  struct Config {
    std::int64_t rounds = 2;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("rounds", &Config::rounds, "rounds of a layer (C of the paper)")
              .min(1)
              .max(64);
      return list;
    }
  };

  ChainOfExperts(const Config& config, const Context& context)
      : Router(context), rounds_(std::min(config.rounds, context.top_k)) {
    if (context.top_k % rounds_ != 0)
      throw InputError("router chain-of-experts: top_k = " + std::to_string(context.top_k) +
                       " does not divide into " + std::to_string(rounds_) + " rounds");
  }
  std::int64_t width() const override { return context_.top_k / rounds_; }
  LayerEffect effect(const RoutedLayer&) const override {
    LayerEffect effect;
    effect.rounds = rounds_;
    return effect;
  }

 private:
  void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) override {
    select_top(logits, chosen);
  }
  std::int64_t rounds_;
};

const Register<Router, ChainOfExperts> chain_of_experts_registered(
    "chain-of-experts", "k / C experts in each of C serial rounds of dispatch and combine");

}  // namespace
}  // namespace moesim
