#include <algorithm>
#include <utility>

#include "sim/sweep/search.hpp"

namespace moesim {
namespace {

/// Common to searches that name all their designs at once.
struct SampleConfig {
  std::int64_t budget = 0;
  std::int64_t seed = 1;
  static const Parameters<SampleConfig>& parameters() {
    static const auto list =
        Parameters<SampleConfig>()
            .required("budget", &SampleConfig::budget, "designs to run", "20")
            .min(1)
            .optional("seed", &SampleConfig::seed, "another seed draws other designs")
            .min(0);
    return list;
  }
};

template <std::vector<std::size_t> (*draw)(const SweepSpace&, std::size_t, const RandomStream&)>
class Sample final : public Search {
 public:
  using Config = SampleConfig;
  Sample(const Config& config, const Context& context)
      : designs_(draw(context.space, static_cast<std::size_t>(config.budget),
                      RandomStream(static_cast<std::uint64_t>(config.seed), stream_id("search")))) {
  }

  std::vector<Trial> next(const Scores&) override {
    std::vector<Trial> trials;
    for (const auto design : std::exchange(designs_, {})) trials.push_back({design, 1});
    return trials;
  }
  bool adaptive() const override { return false; }

 private:
  std::vector<std::size_t> designs_;
};

std::vector<std::size_t> uniform(const SweepSpace& space, std::size_t count,
                                 const RandomStream& random) {
  auto designs = shuffled_designs(space, random);
  designs.resize(std::min(count, designs.size()));
  return designs;
}

const Register<Search, Sample<uniform>> by_chance("random", "designs drawn at random");
const Register<Search, Sample<latin_hypercube>> spread(
    "latin-hypercube", "designs that spread over every axis, drawn at random otherwise");

}  // namespace
}  // namespace moesim
