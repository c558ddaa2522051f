// Entropy-switched routing (DynMoLE, arXiv 2504.00661): where the Tsallis entropy of a token's
// distribution, (1 - sum p^q) / (q - 1), exceeds a threshold, all experts are mixed; elsewhere
// top-p decides. The threshold is a share of the entropy of a uniform distribution, because the
// paper's own value could not be verified.
#include "sim/core/portable_math.hpp"
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"
#include "sim/routing/softmax.hpp"

namespace moesim {
namespace {

class EntropySwitched final : public Router {
 public:
  struct Config {
    double q = 1.1, threshold = 0.9, p = 0.75;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("q", &Config::q, "order of the Tsallis entropy")
              .above(1)
              .max(10)
              .optional("threshold", &Config::threshold,
                        "share of the largest entropy above which all experts are used")
              .min(0)
              .max(1)
              .optional("p", &Config::p, "probability mass of a token below the threshold")
              .above(0)
              .max(1);
      return list;
    }
  };

  EntropySwitched(const Config& config, const Context& context)
      : Router(context),
        config_(config),
        most_(entropy(std::vector<double>(static_cast<std::size_t>(context.experts),
                                          1.0 / static_cast<double>(context.experts)))) {}
  std::int64_t width() const override { return context_.experts; }
  std::int64_t groups() const override { return 0; }

 private:
  double entropy(const std::vector<double>& p) const {
    double sum = 0;
    for (const double x : p)
      if (x > 0) sum += portable_exp(config_.q * portable_log(x));
    return (1 - sum) / (config_.q - 1);
  }

  void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) override {
    const auto p = softmax(logits);
    select_top(logits, chosen);
    if (entropy(p) > config_.threshold * most_) return;
    double mass = 0;
    for (auto& id : chosen) {
      if (mass > config_.p) id = kNoExpert;
      if (id != kNoExpert) mass += p[id];
    }
  }

  Config config_;
  double most_;
};

const Register<Router, EntropySwitched> entropy_switched_registered(
    "entropy-switched", "all experts for uncertain tokens, top-p for the others (DynMoLE)");

}  // namespace
}  // namespace moesim
