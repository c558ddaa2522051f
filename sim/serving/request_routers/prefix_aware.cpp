// The rank that has most of the prompt cached, unless the ranks are out of balance: the rule of
// SGLang's router with policy cache_aware (sgl-router/src/policies/cache_aware.rs; defaults of its
// documentation: cache threshold 0.3, balance thresholds 64 and 1.5;
// https://github.com/lightseekorg/smg, docs/getting-started/load-balancing.md, read 2026-11-22).
// Out of balance: the busiest rank has both more than 64 requests more than the idlest and more
// than 1.5 times as many. Then, and when no rank has enough of the prompt, the rank with the fewest
// requests. Unlike there, what a rank has cached is known, not guessed from what was sent to it.
#include <algorithm>

#include "sim/serving/request_router.hpp"

namespace moesim {
namespace {

class PrefixAware final : public RequestRouter {
 public:
  struct Config {
    double cache_threshold = 0.3;
    std::int64_t balance_abs_threshold = 64;
    double balance_rel_threshold = 1.5;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("cache_threshold", &Config::cache_threshold,
                        "share of a prompt that must be cached on a rank to prefer it")
              .min(0)
              .max(1)
              .optional("balance_abs_threshold", &Config::balance_abs_threshold,
                        "requests that the busiest rank may have more than the idlest")
              .min(0)
              .optional("balance_rel_threshold", &Config::balance_rel_threshold,
                        "times as many requests as the idlest rank that the busiest may have")
              .min(1);
      return list;
    }
  };

  PrefixAware(const Config& config, const Context&) : config_(config) {}

  std::int64_t choose(std::int64_t, std::span<const RankLoad> ranks) override {
    const auto requests = [](const RankLoad& rank) { return rank.waiting + rank.running; };
    const auto [fewest, most] = std::ranges::minmax(ranks, {}, requests);
    const auto more = requests(most) - requests(fewest);
    const bool unbalanced =
        more > config_.balance_abs_threshold &&
        static_cast<double>(requests(most)) >
            config_.balance_rel_threshold * static_cast<double>(requests(fewest));
    const auto best = std::ranges::max_element(ranks, {}, &RankLoad::cached_share);
    if (!unbalanced && best->cached_share > config_.cache_threshold) return best - ranks.begin();
    return std::ranges::min_element(ranks, {}, requests) - ranks.begin();
  }

 private:
  Config config_;
};

const Register<RequestRouter, PrefixAware> prefix_aware_registered(
    "prefix-aware", "the rank that has most of the prompt cached, unless ranks are out of balance");

}  // namespace
}  // namespace moesim
