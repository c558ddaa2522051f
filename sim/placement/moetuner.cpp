// MoETuner (arXiv 2502.06643): an integer programme makes clusters of experts of equal load in
// every layer, another puts the clusters on GPUs so that tokens which go from an expert of one
// layer to one of the next stay near (integer_programme.hpp). Inside a GPU a token costs nothing,
// inside a node one unit, between nodes `between_nodes` of them.
#include <algorithm>
#include <cmath>

#include "sim/placement/integer_programme.hpp"
#include "sim/placement/packing.hpp"

namespace moesim {
namespace {

class MoeTuner final : public Placement {
 public:
  struct Config {
    double gap = 0.025, between_nodes = 9;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("gap", &Config::gap, "relative gap at which CBC stops (paper: 0.025)")
              .min(0)
              .max(1)
              .optional("between_nodes", &Config::between_nodes,
                        "cost of a token between nodes / within one (paper: NVLink 450 GB/s per "
                        "direction, 400 Gb/s adapters: 9)")
              .min(0);
      return list;
    }
  };
  MoeTuner(const Config& config, const Context& context) : config_(config), context_(context) {
    if (context.experts > 64)
      throw InputError("placement moetuner: " + std::to_string(context.experts) +
                       " experts; the integer programmes are for at most 64 per layer");
  }

  /// Of a lone layer nothing is known but its load.
  LayerPlacement place(std::span<const double> popularity) override {
    return to_placement(clusters(popularity), popularity);
  }

  std::vector<LayerPlacement> place_all(std::span<const LayerSample> layers) override {
    std::vector<LayerPlacement> all;
    std::vector<std::int32_t> before;  // GPU of every expert of the layer before
    for (std::size_t l = 0; l < layers.size(); ++l) {
      auto gpu = clusters(layers[l].popularity);
      if (l > 0) {
        const auto of = assign_clusters(transitions(layers[l - 1], layers[l], before, gpu), costs(),
                                        static_cast<std::size_t>(context_.ranks), config_.gap);
        for (auto& g : gpu) g = of[static_cast<std::size_t>(g)];
      }
      all.push_back(to_placement(gpu, layers[l].popularity));
      before = std::move(gpu);
    }
    return all;
  }

 private:
  std::vector<std::int32_t> clusters(std::span<const double> popularity) const {
    std::vector<std::int64_t> room;
    for (std::int64_t r = 0; r < context_.ranks; ++r)
      room.push_back(room_of_rank(context_.experts, context_.ranks, r));
    return balanced_clusters(popularity, room, config_.gap);
  }

  std::vector<double> costs() const {
    std::vector<double> cost;
    for (std::int64_t a = 0; a < context_.ranks; ++a)
      for (std::int64_t b = 0; b < context_.ranks; ++b) {
        const bool near = a / context_.ranks_per_node == b / context_.ranks_per_node;
        cost.push_back(a == b ? 0 : near ? 1 : config_.between_nodes);
      }
    return cost;
  }

  /// Tokens from every GPU of the layer before to every cluster of this one.
  std::vector<double> transitions(const LayerSample& from, const LayerSample& to,
                                  const std::vector<std::int32_t>& gpu_before,
                                  const std::vector<std::int32_t>& cluster) const {
    const auto gpus = static_cast<std::size_t>(context_.ranks),
               k = static_cast<std::size_t>(from.top_k);
    std::vector<double> tokens(gpus * gpus, 0);
    const auto all = std::min(from.choices.size(), to.choices.size());
    for (std::size_t t = 0; t + k <= all; t += k)
      for (std::size_t i = 0; i < k; ++i)
        for (std::size_t j = 0; j < k; ++j) {
          const auto a = from.choices[t + i], b = to.choices[t + j];
          if (a < gpu_before.size() && b < cluster.size())
            tokens[static_cast<std::size_t>(gpu_before[a]) * gpus +
                   static_cast<std::size_t>(cluster[b])] += 1.0 / static_cast<double>(all);
        }
    return tokens;
  }

  /// Replicas, which the paper has not, go to the lightest GPUs with room.
  LayerPlacement to_placement(const std::vector<std::int32_t>& gpu,
                              std::span<const double> popularity) const {
    const auto ranks = static_cast<std::size_t>(context_.ranks);
    const auto total = context_.experts + context_.redundant;
    const auto replicas = replicate(popularity, context_.redundant);
    std::vector<std::vector<std::int32_t>> on(ranks);
    std::vector<double> load(ranks, 0);
    const auto add = [&](std::size_t rank, std::size_t e) {
      on[rank].push_back(static_cast<std::int32_t>(e));
      load[rank] += popularity[e] / replicas[e];
    };
    for (std::size_t e = 0; e < gpu.size(); ++e) add(static_cast<std::size_t>(gpu[e]), e);
    for (std::size_t e = 0; e < gpu.size(); ++e)
      for (std::int32_t copy = 1; copy < replicas[e]; ++copy) {
        std::size_t best = ranks;
        for (std::size_t r = 0; r < ranks; ++r)
          if (std::ssize(on[r]) < (total + context_.ranks - 1) / context_.ranks &&
              (best == ranks || load[r] < load[best]))
            best = r;
        add(best, e);
      }
    return placement_of_ranks(on, context_.experts);
  }

  Config config_;
  Context context_;
};

const Register<Placement, MoeTuner> registered(
    "moetuner", "two integer programmes: equal load, then neighbours near (MoETuner, CBC)");

}  // namespace
}  // namespace moesim
