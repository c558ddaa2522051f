#include "sim/serving/arrivals.hpp"

namespace moesim {
namespace {

class ClosedLoop final : public Arrivals {
 public:
  struct Config {
    std::int64_t concurrency = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .required("concurrency", &Config::concurrency, "requests kept in flight", "16")
              .min(1);
      return list;
    }
  };

  ClosedLoop(const Config& config, const Context&) : concurrency_(config.concurrency) {}

  Seconds next() override { return Seconds(0); }
  std::optional<std::int64_t> concurrency() const override { return concurrency_; }

 private:
  std::int64_t concurrency_;
};

const Register<Arrivals, ClosedLoop> closed_loop_registered(
    "closed-loop", "a fixed number of requests in flight: a new one when one is done");

}  // namespace
}  // namespace moesim
