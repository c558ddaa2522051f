// A share of the tokens sends all its choices round-robin to the first experts, the others to the
// rest: the load patterns of LLEP's figure 4 (arXiv 2601.17111, test_llep.py), and a plain way to
// say how concentrated routing is.
#include <algorithm>

#include "sim/routing/choice_source.hpp"

namespace moesim {
namespace {

class Hot final : public ChoiceSource {
 public:
  struct Config {
    std::int64_t experts = 1;
    double share = 0.5;
    bool repeat = false;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("experts", &Config::experts, "hot experts, the first ids")
              .min(1)
              .optional("share", &Config::share, "share of (token, expert) pairs that go to them")
              .min(0)
              .max(1)
              .optional("repeat", &Config::repeat,
                        "a hot token sends all its choices to hot experts, the same one several "
                        "times where there are too few, as LLEP's test does");
      return list;
    }
  };

  Hot(const Config& config, const Context& context)
      : hot_(config.experts), share_(config.share), repeat_(config.repeat), context_(context) {
    if (hot_ >= context.experts)
      throw InputError("routing source hot: " + std::to_string(hot_) + " hot experts of " +
                       std::to_string(context.experts));
  }

  /// A token has distinct experts, so with fewer hot experts than top_k no token is all hot: pairs
  /// are dealt so that the shares of the experts hold, up to one pair per token and expert.
  Choices sample(std::int64_t, std::int64_t tokens, Router&) override {
    const auto k = context_.top_k;
    Choices choices{k, {}};
    const auto most = repeat_ ? k : std::min(hot_, k);
    double due = 0;
    std::int64_t next_hot = 0, next_cold = 0;
    for (std::int64_t t = 0; t < tokens; ++t) {
      due += share_ * static_cast<double>(k);
      const bool whole = due >= static_cast<double>(k) - 1e-9;  // a hot token, when they repeat
      std::int64_t held = 0;
      for (; held < most && (repeat_ ? whole : due >= 1); ++held, --due)
        choices.experts.push_back(static_cast<std::uint16_t>(next_hot++ % hot_));
      for (; held < k; ++held)
        choices.experts.push_back(
            static_cast<std::uint16_t>(hot_ + next_cold++ % (context_.experts - hot_)));
    }
    return choices;
  }

 private:
  std::int64_t hot_;
  double share_;
  bool repeat_;
  Context context_;
};

const Register<ChoiceSource, Hot> hot_registered(
    "hot", "a share of the choices falls on the first experts (LLEP's load patterns)");

}  // namespace
}  // namespace moesim
