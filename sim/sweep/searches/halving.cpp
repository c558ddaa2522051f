#include <algorithm>
#include <cmath>

#include "sim/sweep/search.hpp"

namespace moesim {
namespace {

/// Successive halving (Jamieson and Talwalkar, AISTATS 2016, algorithm 1): many designs with a
/// short workload, the best 1/eta of them with one eta times as long, and so on; every round costs
/// the same.
class Halving final : public Search {
 public:
  struct Config {
    std::int64_t budget = 0;
    std::int64_t eta = 4, rounds = 3;
    std::string key = "workload.requests";
    std::int64_t seed = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .required("budget", &Config::budget, "work in whole runs of a design", "20")
              .min(1)
              .optional("eta", &Config::eta, "one of this many designs goes on to the next round")
              .min(2)
              .optional("rounds", &Config::rounds, "rounds; the last one runs the whole workload")
              .min(1)
              .max(8)
              .optional("key", &Config::key, "number in the scenario that the rounds shorten")
              .optional("seed", &Config::seed, "another seed starts with other designs")
              .min(0);
      return list;
    }
  };

  Halving(const Config& config, const Context& context) : config_(config) {
    const auto share = [&](std::int64_t round) {
      return std::pow(static_cast<double>(config.eta), static_cast<double>(round));
    };
    const double first = static_cast<double>(config.budget) * share(config.rounds - 1) /
                         static_cast<double>(config.rounds);
    designs_ = latin_hypercube(
        context.space, static_cast<std::size_t>(std::max(1.0, std::floor(first + 1e-9))),
        RandomStream(static_cast<std::uint64_t>(config.seed), stream_id("search")));
  }

  std::vector<Trial> next(const Scores& scores) override {
    if (round_ > 0) keep_best(scores);
    if (round_ >= config_.rounds) return {};
    ++round_;
    std::vector<Trial> trials;
    for (const auto design : designs_) trials.push_back({design, length()});
    return trials;
  }
  std::string length_key() const override { return config_.key; }

 private:
  double length() const {
    return std::pow(static_cast<double>(config_.eta), static_cast<double>(round_ - config_.rounds));
  }
  void keep_best(const Scores& scores) {
    std::vector<std::pair<Score, std::size_t>> ranked;
    for (const auto design : designs_)
      if (const auto score = scores({design, length()})) ranked.emplace_back(*score, design);
    std::ranges::sort(ranked);
    const auto eta = static_cast<std::size_t>(config_.eta);
    ranked.resize((ranked.size() + eta - 1) / eta);
    designs_.clear();
    for (const auto& [score, design] : ranked) designs_.push_back(design);
  }

  Config config_;
  std::vector<std::size_t> designs_;
  std::int64_t round_ = 0;
};

const Register<Search, Halving> halving_registered(
    "halving", "many designs with a short workload, the best of them with longer ones");

}  // namespace
}  // namespace moesim
