// Expert choice (Zhou et al., arXiv 2202.09368): every expert takes the n c / E tokens of the batch
// that score highest with it, so load is equal by construction and tokens get different numbers of
// experts, some none. It looks at the whole batch, so it is not causal: for training and prefill.
#include <algorithm>
#include <numeric>

#include "sim/routing/router.hpp"
#include "sim/routing/softmax.hpp"

namespace moesim {
namespace {

class ExpertChoice final : public Router {
 public:
  struct Config {
    double capacity = 2;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("capacity", &Config::capacity, "mean experts per token (c of the paper)")
              .above(0);
      return list;
    }
  };

  ExpertChoice(const Config& config, const Context& context) : Router(context), config_(config) {
    if (config.capacity > static_cast<double>(context.experts))
      throw InputError("router expert-choice: capacity exceeds the number of experts");
  }

  std::int64_t width() const override { return context_.experts; }
  std::int64_t groups() const override { return 0; }

  void route(const RoutedLayer& layer, std::span<const float> logits,
             std::span<std::uint16_t> chosen) override {
    const auto experts = static_cast<std::size_t>(layer.experts), tokens = logits.size() / experts;
    std::ranges::fill(chosen, kNoExpert);
    std::vector<double> score;  // [tokens x experts] softmax over experts, as in the paper
    for (std::size_t t = 0; t < tokens; ++t) {
      const auto p = softmax(logits.subspan(t * experts, experts));
      score.insert(score.end(), p.begin(), p.end());
    }
    std::vector<std::size_t> order(tokens), held(tokens, 0);
    const auto width = static_cast<std::size_t>(this->width());
    for (std::size_t e = 0; e < experts; ++e) {
      std::iota(order.begin(), order.end(), std::size_t{0});
      const auto take = share(static_cast<std::int64_t>(tokens), static_cast<std::int64_t>(e));
      const auto better = [&](std::size_t a, std::size_t b) {
        const double x = score[a * experts + e], y = score[b * experts + e];
        return x > y || (x == y && a < b);
      };
      std::partial_sort(order.begin(), order.begin() + take, order.end(), better);
      for (std::int64_t i = 0; i < take; ++i) {
        const auto t = order[static_cast<std::size_t>(i)];
        chosen[t * width + held[t]++] = static_cast<std::uint16_t>(e);
      }
    }
  }

  void settle(std::int64_t tokens, std::span<std::int32_t> counts) const override {
    for (std::size_t e = 0; e < counts.size(); ++e)
      counts[e] = static_cast<std::int32_t>(share(tokens, static_cast<std::int64_t>(e)));
  }

 private:
  /// Tokens of expert `e`: n c / E, the remainder to the first experts.
  std::int64_t share(std::int64_t tokens, std::int64_t e) const {
    const auto all =
        static_cast<std::int64_t>(static_cast<double>(tokens) * config_.capacity + 0.5);
    return std::min(tokens, all / context_.experts + (e < all % context_.experts ? 1 : 0));
  }

  Config config_;
};

const Register<Router, ExpertChoice> expert_choice_registered(
    "expert-choice", "every expert takes its best tokens: equal load, tokens differ");

}  // namespace
}  // namespace moesim
