// HOBBIT (arXiv 2411.01433 section 3.2): a token's experts in order of their gate weights; s is the
// weight of those before one. s <= T1: the full copy; s <= T2: the small one; else it is skipped.
// Gate weights are the softmax of logits whose gaps are exponential with mean `gate_gap`; 0.975
// gives the second of Mixtral's two experts a full copy in 34 % of cases, which is the paper's 67 %
// full copies at T1 = 0.6, and 28 / 5 % where the paper has 30 / 3 %.
#include <vector>

#include "sim/cache/miss_policy.hpp"
#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"

namespace moesim {
namespace {

class LowerPrecision final : public MissPolicy {
 public:
  struct Config {
    double full_until = 0.6, small_until = 0.9, small_share = 0.25, gate_gap = 0.975;
    Seconds dequantise{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("full_until", &Config::full_until, "T1: gate weight before it")
              .min(0)
              .max(1)
              .optional("small_until", &Config::small_until, "T2: beyond it the expert is skipped")
              .min(0)
              .max(1)
              .optional("small_share", &Config::small_share,
                        "bytes of the small copy / full copy (int4 of fp16: 0.25)")
              .above(0)
              .max(1)
              .optional("gate_gap", &Config::gate_gap, "mean distance of a token's sorted logits")
              .above(0)
              .optional("dequantise", &Config::dequantise, "GPU time per use of a small copy")
              .min(0);
      return list;
    }
  };

  LowerPrecision(const Config& config, const Context& context)
      : config_(config), shape_(context.shape), stream_(context.seed, stream_id("gate weights")) {}

  Answer answer(const Question& question) override {
    const double before = weight_before(question);
    Answer answer;
    if (before <= config_.full_until) return answer;
    answer.share = config_.small_share;
    answer.extra = config_.dequantise;
    if (before > config_.small_until) answer.action = Answer::Action::skip;
    return answer;
  }

  double small_share() const override { return config_.small_share; }

 private:
  /// Softmax weight of the choices before this one.
  double weight_before(const Question& question) const {
    const auto k = shape_.top_k;
    const auto layer = shape_.layer_of(question.id);
    const auto visit = static_cast<std::uint64_t>(question.step * shape_.layers + layer);
    double weight = 1, sum = 0, before = 0;
    for (std::int64_t rank = 0; rank < k; ++rank) {
      if (rank < question.rank) before += weight;
      sum += weight;
      const auto draw = visit * static_cast<std::uint64_t>(k) + static_cast<std::uint64_t>(rank);
      weight *= portable_exp(-config_.gate_gap * stream_.exponential(draw));
    }
    return before / sum;
  }

  Config config_;
  CacheShape shape_;
  RandomStream stream_;
};

const Register<MissPolicy, LowerPrecision> lower_precision_registered(
    "lower-precision", "a smaller copy, or none, for low gate weights (HOBBIT)");

}  // namespace
}  // namespace moesim
