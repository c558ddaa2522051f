// D2MoE (arXiv 2504.15299): an expert is a base and bit planes on top of it; a token asks for some
// number of bits, a copy with enough planes serves it, and a larger request loads the missing
// planes only. Shares of the requests are the paper's {0.3, 0.4, 0.3} for 2, 3 and 4 bits; a batch
// needs the most that any of its tokens asks for.
#include <algorithm>
#include <vector>

#include "sim/cache/miss_policy.hpp"
#include "sim/core/random.hpp"

namespace moesim {
namespace {

class BitPlanes final : public MissPolicy {
 public:
  struct Config {
    std::vector<std::int64_t> bits = {2, 3, 4};
    std::vector<double> shares = {0.3, 0.4, 0.3};
    Seconds dequantise{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("bits", &Config::bits,
                        "what a token may ask for; the last is the full copy")
              .min(1)
              .optional("shares", &Config::shares, "how often it asks for each")
              .min(0)
              .optional("dequantise", &Config::dequantise, "GPU time per use")
              .min(0);
      return list;
    }
    void check(const Node& at) const {
      if (bits.empty() || bits.size() != shares.size() || !std::ranges::is_sorted(bits))
        throw InputError(at.where, "bits and shares must be lists of one length, bits ascending");
      for (std::size_t i = 0; i < bits.size(); ++i)
        if (bits[i] < 1 || shares[i] < 0)
          throw InputError(at.where, "bits must be at least 1, shares not negative");
    }
  };

  BitPlanes(const Config& config, const Context& context)
      : config_(config), shape_(context.shape), stream_(context.seed, stream_id("bit width")) {}

  Answer answer(const Question& question) override {
    std::int64_t most = config_.bits.front();
    const auto tokens = std::min<std::int64_t>(question.tokens, 64);  // more ask for all planes
    for (std::int64_t t = 0; t < tokens; ++t) most = std::max(most, asked(question, t));
    Answer answer;
    answer.share = static_cast<double>(most) / static_cast<double>(config_.bits.back());
    answer.nested = true;
    answer.extra = config_.dequantise;
    return answer;
  }

 private:
  std::int64_t asked(const Question& question, std::int64_t token) const {
    const auto draw =
        (static_cast<std::uint64_t>(question.step) * 64 + static_cast<std::uint64_t>(token)) *
            static_cast<std::uint64_t>(shape_.all()) +
        static_cast<std::uint64_t>(question.id);
    double all = 0;
    for (const double share : config_.shares) all += share;
    double u = stream_.uniform(draw) * all;
    for (std::size_t i = 0; i + 1 < config_.bits.size(); ++i) {
      if (u < config_.shares[i]) return config_.bits[i];
      u -= config_.shares[i];
    }
    return config_.bits.back();
  }

  Config config_;
  CacheShape shape_;
  RandomStream stream_;
};

const Register<MissPolicy, BitPlanes> bit_planes_registered(
    "bit-planes", "nested bit planes, as many as asked for (D2MoE)");

}  // namespace
}  // namespace moesim
