// Token-wise pruning (FTP, arXiv 2412.11494): in every block a router keeps a share of the tokens,
// the others pass it by; their keys and values stay in the cache. The shares per block are the
// paper's sparsity schedule, which it searches for and does not print: here a list over the depth.
#include <algorithm>
#include <cmath>

#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"

namespace moesim {
namespace {

class TokenSkip final : public Router {
 public:
  struct Config {
    std::vector<double> keep = {0.78};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("keep", &Config::keep,
                        "share of tokens that a block keeps, spread over the depth")
              .above(0)
              .max(1);
      return list;
    }
  };

  TokenSkip(const Config& config, const Context& context) : Router(context), config_(config) {
    if (config.keep.empty()) throw InputError("router token-skip: keep has no shares");
  }

  LayerEffect effect(const RoutedLayer& at) const override {
    const double x = at.layers > 1
                         ? static_cast<double>(at.layer) / static_cast<double>(at.layers - 1) *
                               static_cast<double>(config_.keep.size() - 1)
                         : 0;
    const auto below = static_cast<std::size_t>(x),
               above = std::min(below + 1, config_.keep.size() - 1);
    LayerEffect effect;
    effect.layer_share =
        std::lerp(config_.keep[below], config_.keep[above], x - static_cast<double>(below));
    return effect;
  }

 private:
  void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) override {
    select_top(logits, chosen);
  }
  Config config_;
};

const Register<Router, TokenSkip> token_skip_registered(
    "token-skip", "every block keeps a share of the tokens (FTP)");

}  // namespace
}  // namespace moesim
