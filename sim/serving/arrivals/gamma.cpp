#include "sim/serving/arrivals.hpp"
#include "sim/serving/arrivals_gamma.hpp"

namespace moesim {
namespace {

/// Gamma-distributed gaps with the parameters of vLLM's benchmark (`--burstiness`,
/// vllm/benchmarks/serve.py, 2025: shape = burstiness, scale = 1 / (rate x burstiness)). The
/// coefficient of variation of the gaps is 1 / sqrt(burstiness).
class Gamma final : public Arrivals {
 public:
  struct Config {
    PerSecond rate{1};
    std::optional<double> burstiness, cv;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .required("rate", &Config::rate, "mean request rate", "4 /s")
              .above(0)
              .optional(
                  "burstiness", &Config::burstiness,
                  "shape of the gaps as in vLLM: 1 is Poisson (default), below 1 comes in bursts")
              .above(0)
              .optional("cv", &Config::cv,
                        "coefficient of variation of the gaps, instead of burstiness")
              .above(0);
      return list;
    }
    void check(const Node& at) const {
      if (burstiness && cv)
        throw InputError(at.find("cv")->where,
                         "give either 'burstiness' or 'cv', not both (burstiness = 1 / cv^2)");
    }
    double shape() const { return burstiness ? *burstiness : cv ? 1 / (*cv * *cv) : 1; }
  };

  Gamma(const Config& config, const Context& context)
      : shape_(config.shape()), scale_(1 / (config.rate.value * shape_)), seed_(context.seed) {}

  Seconds next() override {
    return now_ += Seconds(scale_ * gamma_variate(seed_, "arrivals.gamma", drawn_++, shape_));
  }
  bool uses_seed() const override { return true; }

 private:
  double shape_, scale_;
  std::uint64_t seed_;
  std::uint64_t drawn_ = 0;
  Seconds now_;
};

const Register<Arrivals, Gamma> gamma_registered(
    "gamma", "gamma-distributed gaps: burstier or more regular than Poisson");

}  // namespace
}  // namespace moesim
