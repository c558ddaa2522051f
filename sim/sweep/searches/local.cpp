#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "sim/sweep/search.hpp"

namespace moesim {
namespace {

/// Hill climbing over discrete choices: a few spread designs, then the neighbours of the best one
/// (one value up or down on an axis with numbers, any other value elsewhere), until it has no
/// better neighbour; then the next best design whose neighbours are unknown.
class Local final : public Search {
 public:
  struct Config {
    std::int64_t budget = 0;
    std::optional<std::int64_t> starts;
    std::int64_t seed = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .required("budget", &Config::budget, "designs to run", "20")
              .min(1)
              .optional("starts", &Config::starts,
                        "designs of the first round, spread over the axes (default: a quarter of "
                        "the budget)")
              .min(1)
              .optional("seed", &Config::seed, "another seed starts with other designs")
              .min(0);
      return list;
    }
  };

  Local(const Config& config, const Context& context)
      : space_(context.space), left_(static_cast<std::size_t>(config.budget)) {
    starts_ =
        latin_hypercube(space_,
                        static_cast<std::size_t>(std::min(
                            config.starts.value_or((config.budget + 3) / 4), config.budget)),
                        RandomStream(static_cast<std::uint64_t>(config.seed), stream_id("search")));
  }

  std::vector<Trial> next(const Scores& scores) override {
    auto designs = std::exchange(starts_, {});
    while (designs.empty() && left_ > 0) {
      const auto from = best_unexplored(scores);
      if (!from) break;
      explored_.insert(*from);
      designs = unknown_neighbours(*from);
    }
    designs.resize(std::min(designs.size(), left_));
    left_ -= designs.size();
    std::vector<Trial> trials;
    for (const auto design : designs) {
      known_.insert(design);
      trials.push_back({design, 1});
    }
    return trials;
  }

 private:
  std::optional<std::size_t> best_unexplored(const Scores& scores) const {
    std::optional<std::pair<Score, std::size_t>> best;
    for (const auto design : known_) {
      if (explored_.contains(design)) continue;
      const auto score = scores({design, 1});
      if (score && (!best || std::pair(*score, design) < *best)) best = {*score, design};
    }
    return best ? std::optional(best->second) : std::nullopt;
  }

  std::vector<std::size_t> unknown_neighbours(std::size_t design) const {
    std::vector<std::size_t> found;
    const auto& axes = space_.file().axes;
    for (std::size_t a = 0; a < axes.size(); ++a) {
      auto choice = space_.choice(design);
      const int here = choice[a];
      for (int v = 0; v < static_cast<int>(axes[a].values.size()); ++v) {
        if (v == here || (axes[a].numeric && std::abs(v - here) > 1)) continue;
        choice[a] = v;
        const auto neighbour = space_.find(choice);
        if (neighbour < space_.designs() && !known_.contains(neighbour)) found.push_back(neighbour);
      }
    }
    return found;
  }

  const SweepSpace& space_;
  std::size_t left_;
  std::vector<std::size_t> starts_;
  std::set<std::size_t> known_, explored_;
};

const Register<Search, Local> registered(
    "local", "hill climbing from a few spread designs over the values of one axis at a time");

}  // namespace
}  // namespace moesim
