#include "sim/core/random.hpp"
#include "sim/serving/arrivals.hpp"

namespace moesim {
namespace {

/// Independent exponential gaps; the first arrival comes after a gap, so any window of the process
/// looks like any other.
class Poisson final : public Arrivals {
 public:
  struct Config {
    PerSecond rate{1};
    static const Parameters<Config>& parameters() {
      static const auto list = Parameters<Config>()
                                   .required("rate", &Config::rate, "mean request rate", "4 /s")
                                   .above(0);
      return list;
    }
  };

  Poisson(const Config& config, const Context& context)
      : rate_(config.rate), random_(context.seed, stream_id("arrivals.poisson")) {}

  Seconds next() override { return now_ += Seconds(random_.exponential(drawn_++) / rate_.value); }
  bool uses_seed() const override { return true; }

 private:
  PerSecond rate_;
  RandomStream random_;
  std::uint64_t drawn_ = 0;
  Seconds now_;
};

const Register<Arrivals, Poisson> poisson_registered("poisson",
                                                     "memoryless arrivals at a mean rate");

}  // namespace
}  // namespace moesim
