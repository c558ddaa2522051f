#include "sim/core/random.hpp"
#include "sim/serving/lengths.hpp"

namespace moesim {
namespace {

/// Whole numbers between the bounds, both included. vLLM's `--random-range-ratio r` around a length
/// L (random dataset of vllm/benchmarks/datasets.py, 2025) is the range from floor(L (1 - r)) to
/// ceil(L (1 + r)).
class Uniform final : public Lengths {
 public:
  struct Config {
    std::int64_t input_min = 1, input_max = 1, output_min = 1, output_max = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .required("input_min", &Config::input_min, "shortest prompt", "512")
              .min(1)
              .required("input_max", &Config::input_max, "longest prompt", "1536")
              .min(1)
              .required("output_min", &Config::output_min, "shortest output", "128")
              .min(1)
              .required("output_max", &Config::output_max, "longest output", "384")
              .min(1);
      return list;
    }
    void check(const Node& at) const {
      if (input_max < input_min)
        throw InputError(at.find("input_max")->where, "input_max is below input_min");
      if (output_max < output_min)
        throw InputError(at.find("output_max")->where, "output_max is below output_min");
    }
  };

  Uniform(const Config& config, const Context& context)
      : config_(config),
        input_(context.seed, stream_id("lengths.uniform.input")),
        output_(context.seed, stream_id("lengths.uniform.output")) {}

  Tokens at(std::int64_t request) const override {
    return {draw(input_, request, config_.input_min, config_.input_max),
            draw(output_, request, config_.output_min, config_.output_max)};
  }
  bool uses_seed() const override { return true; }

 private:
  static std::int64_t draw(const RandomStream& random, std::int64_t request, std::int64_t low,
                           std::int64_t high) {
    const auto range = static_cast<std::uint64_t>(high - low) + 1;
    return low +
           static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(request), range));
  }

  Config config_;
  RandomStream input_, output_;
};

const Register<Lengths, Uniform> uniform_registered(
    "uniform", "any length between two bounds, equally likely");

}  // namespace
}  // namespace moesim
