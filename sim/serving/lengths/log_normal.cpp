#include <algorithm>

#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"
#include "sim/serving/lengths.hpp"

namespace moesim {
namespace {

/// median x exp(sigma z), rounded to the nearest token, then brought into the bounds (a length
/// beyond a bound takes the bound's value; it is not drawn again).
class LogNormal final : public Lengths {
 public:
  struct Config {
    double input_median = 1, input_sigma = 0, output_median = 1, output_sigma = 0;
    std::int64_t input_min = 1, output_min = 1;
    std::int64_t input_max = 1'000'000, output_max = 1'000'000;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .required("input_median", &Config::input_median, "median prompt tokens", "1024")
              .min(1)
              .required("input_sigma", &Config::input_sigma,
                        "standard deviation of ln(prompt tokens)", "0.8")
              .min(0)
              .max(10)
              .required("output_median", &Config::output_median, "median generated tokens", "256")
              .min(1)
              .required("output_sigma", &Config::output_sigma,
                        "standard deviation of ln(generated tokens)", "0.6")
              .min(0)
              .max(10)
              .optional("input_min", &Config::input_min, "shortest prompt")
              .min(1)
              .optional("input_max", &Config::input_max, "longest prompt")
              .min(1)
              .optional("output_min", &Config::output_min, "shortest output")
              .min(1)
              .optional("output_max", &Config::output_max, "longest output")
              .min(1);
      return list;
    }
    void check(const Node& at) const {
      if (input_max < input_min) throw InputError(at.where, "input_max is below input_min");
      if (output_max < output_min) throw InputError(at.where, "output_max is below output_min");
    }
  };

  LogNormal(const Config& config, const Context& context)
      : config_(config),
        input_(context.seed, stream_id("lengths.log-normal.input")),
        output_(context.seed, stream_id("lengths.log-normal.output")) {}

  Tokens at(std::int64_t request) const override {
    const auto index = static_cast<std::uint64_t>(request);
    return {
        clipped(config_.input_median * portable_exp(config_.input_sigma * input_.normal(index)),
                config_.input_min, config_.input_max),
        clipped(config_.output_median * portable_exp(config_.output_sigma * output_.normal(index)),
                config_.output_min, config_.output_max)};
  }
  bool uses_seed() const override { return config_.input_sigma > 0 || config_.output_sigma > 0; }

 private:
  static std::int64_t clipped(double tokens, std::int64_t low, std::int64_t high) {
    const double bounded =
        std::clamp(tokens + 0.5, static_cast<double>(low), static_cast<double>(high) + 0.5);
    return static_cast<std::int64_t>(bounded);
  }

  Config config_;
  RandomStream input_, output_;
};

const Register<Lengths, LogNormal> log_normal_registered(
    "log-normal", "log-normal lengths by median and sigma, within bounds");

}  // namespace
}  // namespace moesim
