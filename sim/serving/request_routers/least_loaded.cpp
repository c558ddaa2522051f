// The rank with the lowest score, waiting requests counting more than running ones: the rule of
// vLLM's data-parallel coordinator (score = waiting_weight x waiting + running, waiting_weight 4;
// vllm/v1/engine/core_client.py). Ties go to the rank after the one chosen last.
#include "sim/serving/request_router.hpp"
#include "sim/serving/request_routers/lowest_score.hpp"

namespace moesim {
namespace {

class LeastLoaded final : public RequestRouter {
 public:
  struct Config {
    double waiting_weight = 4;
    static const Parameters<Config>& parameters() {
      static const auto list = Parameters<Config>()
                                   .optional("waiting_weight", &Config::waiting_weight,
                                             "how many running requests a waiting one counts for")
                                   .min(0);
      return list;
    }
  };

  LeastLoaded(const Config& config, const Context&) : weight_(config.waiting_weight) {}

  std::int64_t choose(std::int64_t, std::span<const RankLoad> ranks) override {
    const auto score = [&](std::size_t r) {
      return weight_ * static_cast<double>(ranks[r].waiting) +
             static_cast<double>(ranks[r].running);
    };
    return static_cast<std::int64_t>(lowest_score(ranks.size(), next_, score));
  }

 private:
  double weight_;
  std::size_t next_ = 0;
};

const Register<RequestRouter, LeastLoaded> least_loaded_registered(
    "least-loaded", "the rank with the fewest requests");

}  // namespace
}  // namespace moesim
