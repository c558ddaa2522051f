// Null experts (AdaMoE, arXiv 2406.13233): m experts that do nothing compete with the true ones,
// and a larger k is taken; a token that picks nulls computes less. The paper balances nulls as one
// bucket, so their logits are drawn with mean `bias` and standard Gumbel noise, like those of a
// true expert of mean popularity.
#include "sim/core/random.hpp"
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"
#include "sim/routing/sources/gumbel.hpp"

namespace moesim {
namespace {

class NullExperts final : public Router {
 public:
  struct Config {
    std::int64_t nulls = 8;
    std::optional<std::int64_t> k;
    double bias = 0;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("nulls", &Config::nulls, "experts that do nothing")
              .min(0)
              .max(4096)
              .optional("k", &Config::k,
                        "experts taken, nulls included (default: one more than the model's)")
              .min(1)
              .optional("bias", &Config::bias, "mean logit of a null expert");
      return list;
    }
  };

  NullExperts(const Config& config, const Context& context)
      : Router(context), config_(config), k_(config.k.value_or(context.top_k + 1)) {
    if (k_ > context.experts + config.nulls)
      throw InputError("router null-experts: k = " + std::to_string(k_) + " of " +
                       std::to_string(context.experts) + " experts and " +
                       std::to_string(config.nulls) + " nulls");
  }

  std::int64_t width() const override { return std::min(k_, context_.experts); }
  std::int64_t groups() const override { return 0; }

  void route(const RoutedLayer& layer, std::span<const float> logits,
             std::span<std::uint16_t> chosen) override {
    const auto experts = static_cast<std::size_t>(layer.experts),
               nulls = static_cast<std::size_t>(config_.nulls);
    const RandomStream stream(0x4ada,
                              stream_id("null experts", static_cast<std::uint64_t>(layer.layer)));
    std::vector<float> all(experts + nulls);
    std::vector<std::uint16_t> picked(static_cast<std::size_t>(k_));
    const auto width = static_cast<std::size_t>(this->width());
    std::ranges::fill(chosen, kNoExpert);
    for (std::size_t t = 0; t * experts < logits.size(); ++t) {
      std::ranges::copy(logits.subspan(t * experts, experts), all.begin());
      const auto extra = std::span(all).subspan(experts);
      fill_gumbel(stream, t, extra);
      for (auto& x : extra) x += static_cast<float>(config_.bias);
      select_top(all, picked);
      std::size_t held = 0;
      for (const auto id : picked)
        if (id < experts && held < width) chosen[t * width + held++] = id;
    }
  }

 private:
  Config config_;
  std::int64_t k_;
};

const Register<Router, NullExperts> null_experts_registered(
    "null-experts", "experts that do nothing compete: easy tokens compute less (AdaMoE)");

}  // namespace
}  // namespace moesim
