// Layers skipped and repeated per query (Dr.LLM, arXiv 2510.12773): a router per layer decides to
// skip, execute or repeat it. Which layers is as the paper describes it: skips in the middle of the
// depth, repeats late; the shares are its means over all decisions (skip 7.6 %, repeat 2.3 %).
#include <algorithm>
#include <cmath>

#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"

namespace moesim {
namespace {

class DepthRouter final : public Router {
 public:
  struct Config {
    double skip = 0.076, repeat = 0.023;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("skip", &Config::skip, "mean share of tokens that skip a layer")
              .min(0)
              .max(0.5)
              .optional("repeat", &Config::repeat, "mean share of tokens that repeat a layer")
              .min(0)
              .max(0.5);
      return list;
    }
  };

  DepthRouter(const Config& config, const Context& context) : Router(context), config_(config) {}

  LayerEffect effect(const RoutedLayer& at) const override {
    // Triangles of mean 1 over the depth: skips peak in the middle, repeats at the end.
    const double depth = (static_cast<double>(at.layer) + 0.5) / static_cast<double>(at.layers);
    LayerEffect effect;
    effect.layer_share = 1 - config_.skip * 2 * (1 - std::abs(2 * depth - 1));
    effect.repeat_share = config_.repeat * 2 * depth;
    return effect;
  }

 private:
  void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) override {
    select_top(logits, chosen);
  }
  Config config_;
};

const Register<Router, DepthRouter> depth_router_registered(
    "layer-skip", "a router per layer skips, executes or repeats it (Dr.LLM)");

}  // namespace
}  // namespace moesim
