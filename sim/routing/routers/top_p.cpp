// Dynamic top-p ("Harder Tasks Need More Experts", arXiv 2403.07652): a token takes experts in
// order of falling probability until their mass exceeds p, at least one. Hard tokens (flat
// distributions) get more experts. `temperature` flattens the softmax: with it a mean number of
// experts is set for logits that come from a generator.
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"
#include "sim/routing/softmax.hpp"

namespace moesim {
namespace {

class TopP final : public Router {
 public:
  struct Config {
    double p = 0.4;
    double temperature = 1;
    std::optional<std::int64_t> max_experts;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("p", &Config::p, "probability mass that a token's experts must exceed")
              .above(0)
              .max(1)
              .optional("temperature", &Config::temperature, "of the softmax over the logits")
              .above(0)
              .optional("max_experts", &Config::max_experts,
                        "most experts of a token (default: all)")
              .min(1);
      return list;
    }
  };

  TopP(const Config& config, const Context& context)
      : Router(context),
        config_(config),
        most_(std::min(config.max_experts.value_or(context.experts), context.experts)) {}

  std::int64_t width() const override { return most_; }
  std::int64_t groups() const override { return 0; }

 private:
  void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) override {
    scaled_.clear();
    for (const float x : logits) scaled_.push_back(x / static_cast<float>(config_.temperature));
    const auto p = softmax(scaled_);
    select_top(logits, chosen);
    double mass = 0;
    for (auto& id : chosen) {
      if (mass > config_.p) id = kNoExpert;
      if (id != kNoExpert) mass += p[id];
    }
  }

  Config config_;
  std::int64_t most_;
  std::vector<float> scaled_;
};

const Register<Router, TopP> top_p_registered(
    "top-p", "experts until their probability mass exceeds p: more for hard tokens");

}  // namespace
}  // namespace moesim
