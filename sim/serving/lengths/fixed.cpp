#include "sim/serving/lengths.hpp"

namespace moesim {
namespace {

class Fixed final : public Lengths {
 public:
  struct Config {
    std::int64_t input = 1, output = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .required("input", &Config::input, "prompt tokens of every request", "1024")
              .min(1)
              .required("output", &Config::output, "generated tokens of every request", "256")
              .min(1);
      return list;
    }
  };

  Fixed(const Config& config, const Context&) : tokens_{config.input, config.output} {}

  Tokens at(std::int64_t) const override { return tokens_; }

 private:
  Tokens tokens_;
};

const Register<Lengths, Fixed> fixed_registered("fixed", "the same lengths for every request");

}  // namespace
}  // namespace moesim
