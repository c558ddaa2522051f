#include "sim/serving/arrivals.hpp"

namespace moesim {
namespace {

class AtOnce final : public Arrivals {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> none;
      return none;
    }
  };

  AtOnce(const Config&, const Context&) {}

  Seconds next() override { return Seconds(0); }
};

const Register<Arrivals, AtOnce> at_once_registered(
    "at-once", "every request at time 0: offline batch inference");

}  // namespace
}  // namespace moesim
