// Pools shared over adjacent layers (ReXMoE, arXiv 2510.17483): r layers share one pool of r N
// experts, every one of their routers scores all of them and takes k. Memory stays, but a batch
// touches more distinct experts per layer, and an expert is used by r layers.
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"

namespace moesim {
namespace {

class SharedPool final : public Router {
 public:
  struct Config {
    std::int64_t layers = 4;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("layers", &Config::layers, "adjacent MoE layers that share their experts")
              .min(1)
              .max(64);
      return list;
    }
  };

  SharedPool(const Config& config, const Context& context)
      : Router(context), layers_(config.layers) {
    if (visible_experts() > 65535)
      throw InputError("router shared-pool: more than 65535 experts in a pool");
  }
  std::int64_t visible_experts() const override { return context_.experts * layers_; }
  LayerEffect effect(const RoutedLayer&) const override {
    LayerEffect effect;
    effect.pool_layers = layers_;
    return effect;
  }

 private:
  void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) override {
    select_top(logits, chosen);
  }
  std::int64_t layers_;
};

const Register<Router, SharedPool> shared_pool_registered(
    "shared-pool", "adjacent layers choose from one pool of their experts (ReXMoE)");

}  // namespace
}  // namespace moesim
