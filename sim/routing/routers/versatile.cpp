// Adaptive width and depth from one feed-forward (VersatileFFN, arXiv 2512.14531): the experts of
// the model description are slices of one FFN. The width path takes the top k slices, the depth
// path runs all of them a mean number of loops (at most 4 in the paper): the weights are held once,
// compute grows.
#include <numeric>

#include "sim/routing/router.hpp"

namespace moesim {
namespace {

class Versatile final : public Router {
 public:
  struct Config {
    double loops = 2;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("loops", &Config::loops, "mean loops of the depth path")
              .min(0)
              .max(16);
      return list;
    }
  };

  Versatile(const Config& config, const Context& context) : Router(context), config_(config) {}
  std::int64_t width() const override { return context_.experts; }
  std::int64_t groups() const override { return 0; }
  LayerEffect effect(const RoutedLayer&) const override {
    LayerEffect effect;
    effect.expert_passes =
        config_.loops + static_cast<double>(context_.top_k) / static_cast<double>(context_.experts);
    return effect;
  }

 private:
  void choose(std::span<const float>, std::span<std::uint16_t> chosen) override {
    std::iota(chosen.begin(), chosen.end(), std::uint16_t{0});
  }
  Config config_;
};

const Register<Router, Versatile> versatile_registered(
    "versatile", "slices of one feed-forward, in width and looped in depth (VersatileFFN)");

}  // namespace
}  // namespace moesim
