// Domain-pruned experts (EASY-EP, arXiv 2504.06792; PreMoe, arXiv 2505.17639): of every layer only
// the experts that score highest on the domain's tokens stay in memory, and the router takes its
// top k among them. The score is the mean gate probability (PreMoe's expected selection score);
// EASY-EP also weighs by output norms, which no routing trace has.
#include <algorithm>
#include <numeric>

#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"
#include "sim/routing/softmax.hpp"

namespace moesim {
namespace {

class Pruned final : public Router {
 public:
  struct Config {
    std::int64_t keep = 0;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("keep", &Config::keep,
                        "experts that stay in every layer (0: half of the model's)")
              .min(0);
      return list;
    }
  };

  Pruned(const Config& config, const Context& context)
      : Router(context), keep_(config.keep > 0 ? config.keep : (context.experts + 1) / 2) {
    keep_ = std::max(keep_, config.keep > 0 ? keep_ : context.top_k);
    if (keep_ > context.experts || keep_ < context.top_k)
      throw InputError("router pruned: keep = " + std::to_string(keep_) + " of " +
                       std::to_string(context.experts) +
                       " experts, with top_k = " + std::to_string(context.top_k));
  }
  std::int64_t groups() const override { return 0; }
  LayerEffect effect(const RoutedLayer&) const override {
    LayerEffect effect;
    effect.resident_share = static_cast<double>(keep_) / static_cast<double>(context_.experts);
    return effect;
  }

  void route(const RoutedLayer& layer, std::span<const float> logits,
             std::span<std::uint16_t> chosen) override {
    const auto experts = static_cast<std::size_t>(layer.experts),
               k = static_cast<std::size_t>(width());
    std::vector<double> score(experts, 0);
    for (std::size_t t = 0; t * experts < logits.size(); ++t) {
      const auto p = softmax(logits.subspan(t * experts, experts));
      for (std::size_t e = 0; e < experts; ++e) score[e] += p[e];
    }
    std::vector<std::uint16_t> kept(experts);
    std::iota(kept.begin(), kept.end(), std::uint16_t{0});
    std::ranges::stable_sort(kept, std::greater{}, [&](auto e) { return score[e]; });
    kept.resize(static_cast<std::size_t>(keep_));
    std::ranges::sort(kept);
    std::vector<float> left(kept.size());
    for (std::size_t t = 0; t * experts < logits.size(); ++t) {
      for (std::size_t i = 0; i < kept.size(); ++i) left[i] = logits[t * experts + kept[i]];
      const auto mine = chosen.subspan(t * k, k);
      select_top(left, mine);
      for (auto& id : mine) id = kept[id];
    }
  }

 private:
  std::int64_t keep_;
};

const Register<Router, Pruned> pruned_registered(
    "pruned", "only the experts of a domain stay in memory (EASY-EP, PreMoe)");

}  // namespace
}  // namespace moesim
