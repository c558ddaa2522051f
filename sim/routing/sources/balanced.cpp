// Perfectly balanced choices: token t takes experts t k, t k + 1, ... modulo the number of experts,
// spread by a stride so that one token's experts lie far apart. No batch is more balanced; it is
// what many simulators assume.
#include <numeric>

#include "sim/routing/choice_source.hpp"

namespace moesim {
namespace {

class Balanced final : public ChoiceSource {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };

  Balanced(const Config&, const Context& context) : context_(context) {}

  Choices sample(std::int64_t, std::int64_t tokens, Router&) override {
    const auto experts = context_.experts;
    std::int64_t stride = experts / context_.top_k + 1;
    while (std::gcd(stride, experts) != 1) ++stride;
    Choices choices{context_.top_k, {}};
    choices.experts.reserve(static_cast<std::size_t>(tokens * context_.top_k));
    for (std::int64_t i = 0; i < tokens * context_.top_k; ++i)
      choices.experts.push_back(static_cast<std::uint16_t>(i % experts * stride % experts));
    return choices;
  }

 private:
  Context context_;
};

const Register<ChoiceSource, Balanced> balanced_registered(
    "balanced", "round robin over the experts: no imbalance at all");

}  // namespace
}  // namespace moesim
