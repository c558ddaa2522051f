#include <algorithm>

#include "sim/core/random.hpp"
#include "sim/serving/lengths.hpp"
#include "sim/serving/lengths_copula.hpp"
#include "sim/serving/lengths_profile.hpp"

namespace moesim {
namespace {

/// Lengths drawn from the quantiles of a recorded trace, input and output with the trace's rank
/// correlation.
class Empirical final : public Lengths {
 public:
  struct Config {
    std::string profile;
    std::int64_t input_max = 1'000'000'000, output_max = 1'000'000'000;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .required("profile", &Config::profile,
                        "name of a shipped quantile table, or a path to one",
                        "azure-2023-conversation")
              .optional("input_max", &Config::input_max, "longer prompts are cut to this")
              .min(1)
              .optional("output_max", &Config::output_max, "longer outputs are cut to this")
              .min(1);
      return list;
    }
    void check(const Node& at) const { load_length_profile(profile, at.find("profile")->where); }
  };

  Empirical(const Config& config, const Context& context)
      : config_(config),
        profile_(load_length_profile(config.profile)),
        correlation_(copula_correlation(profile_.rank_correlation)),
        first_(context.seed, stream_id("lengths.empirical.input")),
        second_(context.seed, stream_id("lengths.empirical.output")) {}

  Tokens at(std::int64_t request) const override {
    const auto index = static_cast<std::uint64_t>(request);
    const auto [u, v] =
        dependent_uniforms(first_.normal(index), second_.normal(index), correlation_);
    return {std::min(quantile(profile_.probabilities, profile_.input, u), config_.input_max),
            std::min(quantile(profile_.probabilities, profile_.output, v), config_.output_max)};
  }
  bool uses_seed() const override { return true; }

 private:
  Config config_;
  LengthProfile profile_;
  double correlation_;
  RandomStream first_, second_;
};

const Register<Lengths, Empirical> empirical_registered(
    "empirical", "drawn from the quantiles of a recorded trace, with its correlation");

}  // namespace
}  // namespace moesim
