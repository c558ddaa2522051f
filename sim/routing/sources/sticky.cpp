// Every expert of the token before stays with a given probability; the others are drawn anew by a
// log-normal popularity of the layer. The least that an expert cache needs to know of a model: one
// number, the reuse between neighbouring tokens, as recorded traces and published hit rates of a
// cache of top_k slots give it. Requests of different topics may have tastes of their own
// (`topic_sigma`). Not modelled: affinity between layers.
#include <algorithm>
#include <cmath>

#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"
#include "sim/routing/choice_source.hpp"

namespace moesim {
namespace {

class Sticky final : public ChoiceSource {
 public:
  struct Config {
    double reuse = 0.35, sigma = 0.3;
    double topic_sigma = 0;
    std::int64_t topic_tokens = 256;
    bool one_for_all_layers = false;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("reuse", &Config::reuse,
                        "share of a token's experts that the token before had")
              .min(0)
              .max(1)
              .optional("sigma", &Config::sigma,
                        "standard deviation of the log of an expert's popularity")
              .min(0)
              .max(5)
              .optional("topic_sigma", &Config::topic_sigma,
                        "the same of a taste that a stretch of tokens has to itself, as requests "
                        "of different topics do")
              .min(0)
              .max(5)
              .optional("topic_tokens", &Config::topic_tokens, "length of such a stretch")
              .min(1)
              .optional("one_for_all_layers", &Config::one_for_all_layers,
                        "a token has the same experts in every layer (Read-ME's router)");
      return list;
    }
  };

  Sticky(const Config& config, const Context& context) : config_(config), context_(context) {}

  Choices sample(std::int64_t layer, std::int64_t tokens, Router&) override {
    const auto l = static_cast<std::uint64_t>(config_.one_for_all_layers ? 0 : layer);
    const RandomStream popular(context_.seed, stream_id("sticky popularity", l)),
        draws(context_.seed, stream_id("sticky", l)), topics(context_.seed, stream_id("topics", l));
    std::vector<double> weight(static_cast<std::size_t>(context_.experts));
    double stay = 0;
    const auto begin_topic = [&](std::uint64_t topic) {
      for (std::size_t e = 0; e < weight.size(); ++e)
        weight[e] = portable_exp(config_.sigma * popular.normal(e) +
                                 config_.topic_sigma * topics.normal(topic * weight.size() + e));
      stay = stay_probability(weight);
    };
    Choices choices{context_.top_k, {}};
    std::vector<std::uint16_t> before, now;
    std::uint64_t draw = 0;
    for (std::int64_t t = 0; t < tokens; ++t) {
      if (t % config_.topic_tokens == 0)
        begin_topic(static_cast<std::uint64_t>(t / config_.topic_tokens));
      now.clear();
      for (const auto id : before)
        if (draws.uniform(draw++) < stay) now.push_back(id);
      while (std::ssize(now) < context_.top_k)
        now.push_back(pick(weight, now, draws.uniform(draw++)));
      choices.experts.insert(choices.experts.end(), now.begin(), now.end());
      before = now;
    }
    return choices;
  }

 private:
  /// Experts that were not kept may come back by chance: `reuse` counts those too.
  double stay_probability(const std::vector<double>& weight) const {
    double sum = 0, square = 0;
    for (const double w : weight) {
      sum += w;
      square += w * w;
    }
    const auto k = static_cast<double>(context_.top_k);
    const double chance = std::min(0.999, k * square / (sum * sum));  // first order in k / experts
    return std::clamp((config_.reuse - chance) / (1 - chance), 0.0, 1.0);
  }

  static std::uint16_t pick(const std::vector<double>& weight,
                            const std::vector<std::uint16_t>& taken, double u) {
    const auto free = [&](std::size_t e) {
      return std::ranges::find(taken, static_cast<std::uint16_t>(e)) == taken.end();
    };
    double sum = 0;
    for (std::size_t e = 0; e < weight.size(); ++e) sum += free(e) ? weight[e] : 0;
    double left = u * sum;
    std::size_t last = 0;
    for (std::size_t e = 0; e < weight.size(); ++e) {
      if (!free(e)) continue;
      last = e;
      left -= weight[e];
      if (left < 0) break;
    }
    return static_cast<std::uint16_t>(last);
  }

  Config config_;
  Context context_;
};

const Register<ChoiceSource, Sticky> sticky_registered(
    "sticky", "experts of the token before stay with a probability; popularity draws the rest");

}  // namespace
}  // namespace moesim
