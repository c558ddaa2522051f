// Experts that the same tokens choose on the same rank, or node, so that a token is sent to fewer
// of them: greedily, an expert joins the rank with the highest (shared tokens - balance x
// overload).
#include <algorithm>
#include <numeric>

#include "sim/placement/packing.hpp"

namespace moesim {
namespace {

class CoActivation final : public Placement {
 public:
  struct Config {
    double balance = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("balance", &Config::balance,
                        "weight of a rank's load against the tokens that its experts share")
              .min(0);
      return list;
    }
  };
  CoActivation(const Config& config, const Context& context) : config_(config), context_(context) {}

  /// Without tokens there is nothing shared: load alone decides.
  LayerPlacement place(std::span<const double> popularity) override {
    return pack_by_load(popularity, context_, 1);
  }

  std::vector<LayerPlacement> place_all(std::span<const LayerSample> layers) override {
    std::vector<LayerPlacement> all;
    for (const auto& layer : layers) all.push_back(place_sample(layer));
    return all;
  }

 private:
  /// Share of tokens that choose both experts, [experts x experts].
  std::vector<double> pairs(const LayerSample& sample) const {
    const auto experts = static_cast<std::size_t>(context_.experts),
               k = static_cast<std::size_t>(sample.top_k);
    std::vector<double> together(experts * experts, 0);
    const double one = static_cast<double>(k) / static_cast<double>(sample.choices.size());
    for (std::size_t t = 0; t + k <= sample.choices.size(); t += k)
      for (std::size_t i = 0; i < k; ++i)
        for (std::size_t j = 0; j < k; ++j) {
          const auto a = sample.choices[t + i], b = sample.choices[t + j];
          if (a < experts && b < experts && a != b) together[a * experts + b] += one;
        }
    return together;
  }

  LayerPlacement place_sample(const LayerSample& sample) const {
    const auto experts = static_cast<std::size_t>(context_.experts),
               ranks = static_cast<std::size_t>(context_.ranks);
    const auto together = pairs(sample);
    const auto replicas = replicate(sample.popularity, context_.redundant);
    const double mean = std::accumulate(sample.popularity.begin(), sample.popularity.end(), 0.0) /
                        static_cast<double>(ranks);
    std::vector<std::size_t> order(experts);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater{},
                             [&](std::size_t e) { return sample.popularity[e] / replicas[e]; });
    std::vector<std::vector<std::int32_t>> on(ranks);
    std::vector<double> load(ranks, 0);
    for (const auto e : order)
      for (std::int32_t copy = 0; copy < replicas[e]; ++copy) {
        const double mine = sample.popularity[e] / replicas[e];
        std::size_t best = ranks;
        double best_gain = 0;
        for (std::size_t r = 0; r < ranks; ++r) {
          if (std::ssize(on[r]) >= room_of_rank(context_.experts + context_.redundant,
                                                context_.ranks, static_cast<std::int64_t>(r)))
            continue;
          double gain = -config_.balance * std::max(0.0, load[r] + mine - mean) - 1e-9 * load[r];
          for (const auto other : on[r])
            gain += together[e * experts + static_cast<std::size_t>(other)];
          if (best == ranks || gain > best_gain) best = r, best_gain = gain;
        }
        on[best].push_back(static_cast<std::int32_t>(e));
        load[best] += mine;
      }
    return placement_of_ranks(on, context_.experts);
  }

  Config config_;
  Context context_;
};

const Register<Placement, CoActivation> co_activation_registered(
    "co-activation", "experts of the same tokens on the same rank");

}  // namespace
}  // namespace moesim
