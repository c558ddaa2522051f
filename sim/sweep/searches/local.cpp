#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "sim/sweep/search.hpp"

namespace moesim {
namespace {

/// Hill climbing over discrete choices: a few spread designs, then neighbours of the best one (one
/// value up or down on an axis with numbers, any other value elsewhere), a few at a time, so that a
/// better one is climbed from at once, and axes with few neighbours before those with many; where
/// no neighbour is better, the next best design whose neighbours are not all known.
class Local final : public Search {
 public:
  struct Config {
    std::int64_t budget = 0;
    std::int64_t starts = 2;
    std::int64_t together = 2;
    std::int64_t seed = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .required("budget", &Config::budget, "designs to run", "20")
              .min(1)
              .optional("starts", &Config::starts,
                        "designs of the first round, spread over the axes")
              .min(1)
              .optional("together", &Config::together,
                        "neighbours that run at the same time: more of them keep more cores busy, "
                        "fewer need fewer runs")
              .min(1)
              .optional("seed", &Config::seed, "another seed starts with other designs")
              .min(0);
      return list;
    }
  };

  Local(const Config& config, const Context& context)
      : space_(context.space),
        left_(static_cast<std::size_t>(config.budget)),
        together_(static_cast<std::size_t>(config.together)) {
    starts_ =
        latin_hypercube(space_, static_cast<std::size_t>(std::min(config.starts, config.budget)),
                        RandomStream(static_cast<std::uint64_t>(config.seed), stream_id("search")));
  }

  std::vector<Trial> next(const Scores& scores) override {
    auto designs = std::exchange(starts_, {});
    while (designs.empty() && left_ > 0) {
      const auto from = best_unexplored(scores);
      if (!from) break;
      designs = unknown_neighbours(*from);
      if (designs.size() <= together_) explored_.insert(*from);
      designs.resize(std::min(designs.size(), together_));
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
    std::vector<std::vector<std::size_t>> of_axis;
    const auto& axes = space_.file().axes;
    for (std::size_t a = 0; a < axes.size(); ++a) {
      auto& found = of_axis.emplace_back();
      auto choice = space_.choice(design);
      const int here = choice[a];
      for (int v = 0; v < static_cast<int>(axes[a].values.size()); ++v) {
        if (v == here || (axes[a].numeric && std::abs(v - here) > 1)) continue;
        choice[a] = v;
        const auto neighbour = space_.find(choice);
        if (neighbour < space_.designs() && !known_.contains(neighbour)) found.push_back(neighbour);
      }
    }
    std::ranges::stable_sort(of_axis, {}, &std::vector<std::size_t>::size);
    std::vector<std::size_t> neighbours;
    for (const auto& found : of_axis)
      neighbours.insert(neighbours.end(), found.begin(), found.end());
    return neighbours;
  }

  const SweepSpace& space_;
  std::size_t left_, together_;
  std::vector<std::size_t> starts_;
  std::set<std::size_t> known_, explored_;
};

const Register<Search, Local> local_registered(
    "local", "hill climbing from a few spread designs over the values of one axis at a time");

}  // namespace
}  // namespace moesim
