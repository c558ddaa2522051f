#include "sim/serving/arrivals.hpp"

namespace moesim {
namespace {

/// Arrival i at i / rate, computed afresh each time so that no rounding adds up.
class Constant final : public Arrivals {
 public:
  struct Config {
    PerSecond rate{1};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>().required("rate", &Config::rate, "request rate", "4 /s").above(0);
      return list;
    }
  };

  Constant(const Config& config, const Context&) : rate_(config.rate) {}

  Seconds next() override { return Seconds(static_cast<double>(drawn_++) / rate_.value); }

 private:
  PerSecond rate_;
  std::uint64_t drawn_ = 0;
};

const Register<Arrivals, Constant> constant_registered(
    "constant", "equal gaps; the first request comes at time 0");

}  // namespace
}  // namespace moesim
