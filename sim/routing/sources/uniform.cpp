// Every expert equally popular, every token independent: the usual assumption, and the lower bound
// of natural imbalance.
#include "sim/routing/sources/gumbel.hpp"

namespace moesim {
namespace {

class Uniform final : public ChoiceSource {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };

  Uniform(const Config&, const Context& context) : context_(context) {}

  Choices sample(std::int64_t layer, std::int64_t tokens, Router& router) override {
    return gumbel_choices(context_, layer, tokens,
                          std::vector<double>(static_cast<std::size_t>(context_.experts), 0.0),
                          router);
  }

  bool repeatable() const override { return true; }

  std::vector<double> weights(std::int64_t) const override {
    return std::vector<double>(static_cast<std::size_t>(context_.experts), 1.0);
  }

 private:
  Context context_;
};

const Register<ChoiceSource, Uniform> uniform_registered(
    "uniform", "independent choices, all experts equally popular");

}  // namespace
}  // namespace moesim
