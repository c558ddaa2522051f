// Sinkhorn routing: the batch's scores are scaled to a transport plan whose rows sum to 1 and whose
// columns sum to n / E, and every token takes the k largest entries of its row. Selective Sinkhorn
// (SSR, arXiv 2511.08972) does so for a share of the batches only, the rest by plain top-k.
#include <algorithm>

#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"
#include "sim/routing/softmax.hpp"

namespace moesim {
namespace {

class Sinkhorn final : public Router {
 public:
  struct Config {
    std::int64_t iterations = 10;
    double temperature = 1, probability = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("iterations", &Config::iterations, "of row and column scaling")
              .min(1)
              .max(1000)
              .optional("temperature", &Config::temperature,
                        "entropy of the plan: logits are divided by it")
              .above(0)
              .optional("probability", &Config::probability,
                        "share of the batches that are routed so (selective Sinkhorn: 0.001-0.01)")
              .min(0)
              .max(1);
      return list;
    }
  };

  Sinkhorn(const Config& config, const Context& context) : Router(context), config_(config) {}
  std::int64_t groups() const override { return config_.probability > 0 ? 0 : 1; }

  void route(const RoutedLayer& layer, std::span<const float> logits,
             std::span<std::uint16_t> chosen) override {
    const RandomStream random(0x551, stream_id("sinkhorn batch"));
    if (random.uniform(static_cast<std::uint64_t>(layer.layer)) > config_.probability)
      return Router::route(layer, logits, chosen);
    const auto experts = static_cast<std::size_t>(layer.experts), tokens = logits.size() / experts;
    const auto k = static_cast<std::size_t>(width());
    std::vector<double> plan;
    std::vector<float> scaled(experts);
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t e = 0; e < experts; ++e)
        scaled[e] = logits[t * experts + e] / static_cast<float>(config_.temperature);
      const auto p = softmax(scaled);
      plan.insert(plan.end(), p.begin(), p.end());
    }
    scale(plan, experts, tokens);
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t e = 0; e < experts; ++e)
        scaled[e] = static_cast<float>(plan[t * experts + e]);
      select_top(scaled, chosen.subspan(t * k, k));
    }
  }

 private:
  void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) override {
    select_top(logits, chosen);
  }

  void scale(std::vector<double>& plan, std::size_t experts, std::size_t tokens) const {
    const double column = static_cast<double>(tokens) / static_cast<double>(experts);
    std::vector<double> sums(experts);
    for (std::int64_t i = 0; i < config_.iterations; ++i) {
      std::ranges::fill(sums, 0.0);
      for (std::size_t at = 0; at < plan.size(); ++at) sums[at % experts] += plan[at];
      for (std::size_t at = 0; at < plan.size(); ++at)
        plan[at] *= column / std::max(1e-300, sums[at % experts]);
      for (std::size_t t = 0; t < tokens; ++t) {
        double row = 0;
        for (std::size_t e = 0; e < experts; ++e) row += plan[t * experts + e];
        for (std::size_t e = 0; e < experts; ++e) plan[t * experts + e] /= std::max(1e-300, row);
      }
    }
  }

  Config config_;
};

const Register<Router, Sinkhorn> sinkhorn_registered(
    "sinkhorn", "a balanced transport plan of the batch, for all or some of the batches");

}  // namespace
}  // namespace moesim
