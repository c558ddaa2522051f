// All-to-all: every rank sends the same to every other rank, all at once.
#include "sim/transport/collective.hpp"

namespace moesim {
namespace {

class AllToAllCollective final : public Collective {
 public:
  struct Config {
    Bytes bytes{1 << 20};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("bytes", &Config::bytes, "from every rank to every other")
              .above(0);
      return list;
    }
  };

  AllToAllCollective(const Config& config, const Context& context)
      : config_(config), context_(context) {}

  std::vector<CollectiveStep> steps() const override {
    CollectiveStep step;
    const auto ranks = static_cast<int>(context_.ranks);
    step.flows.reserve(static_cast<std::size_t>(context_.ranks * context_.ranks));
    for (int a = 0; a < ranks; ++a)
      for (int b = 0; b < ranks; ++b)
        if (a != b) step.flows.push_back({a, b, config_.bytes.value});
    return {std::move(step)};
  }

 private:
  Config config_;
  Context context_;
};

const Register<Collective, AllToAllCollective> all_to_all_collective_registered(
    "all-to-all", "the same from every rank to every other");

}  // namespace
}  // namespace moesim
