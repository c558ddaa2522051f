// The rank with the least of its prompts still to compute, a token counting more the longer what
// comes before it is: core attention and token counts balanced over data ranks, as DeepSeek's
// prefill load balancer does (https://github.com/deepseek-ai/open-infra-index,
// 202502OpenSourceWeek, day 6). Ties go to the rank after the one chosen last.
#include "sim/serving/request_router.hpp"
#include "sim/serving/request_routers/lowest_score.hpp"

namespace moesim {
namespace {

class LeastWork final : public RequestRouter {
 public:
  struct Config {
    double attention_context = 0;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("attention_context", &Config::attention_context,
                        "tokens of context at which the attention of a token takes as long as all "
                        "else that is done for it; 0: attention does not count")
              .min(0);
      return list;
    }
  };

  LeastWork(const Config& config, const Context&) : context_(config.attention_context) {}

  bool looks_at_prompts() const override { return true; }

  std::int64_t choose(std::int64_t, std::span<const RankLoad> ranks) override {
    const auto work = [&](std::size_t r) {
      const auto& rank = ranks[r];
      return rank.prompt_tokens + (context_ > 0 ? rank.prompt_pairs / context_ : 0) +
             1e-3 * static_cast<double>(rank.waiting + rank.running);
    };
    return static_cast<std::int64_t>(lowest_score(ranks.size(), next_, work));
  }

 private:
  double context_;
  std::size_t next_ = 0;
};

const Register<RequestRouter, LeastWork> least_work_registered(
    "least-work", "the rank with the least left of its prompts");

}  // namespace
}  // namespace moesim
