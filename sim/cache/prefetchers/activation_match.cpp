// MoE-Infinity's prefetch order (arXiv 2401.14361): the share that an expert has of its layer's
// activations in this sequence and the past one most like it, less by a linear decay the farther
// its layer is; layers that have passed count nothing.
#include <algorithm>

#include "sim/cache/activation_matrix.hpp"
#include "sim/cache/prefetcher.hpp"

namespace moesim {
namespace {

class ActivationMatchPrefetch final : public Prefetcher {
 public:
  struct Config {
    std::int64_t sequences = 64, layers = 3, experts = 4;
    double least_share = 0.05;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("sequences", &Config::sequences, "past sequences that are remembered")
              .min(1)
              .optional("layers", &Config::layers, "how many layers ahead")
              .min(1)
              .optional("experts", &Config::experts, "fetched at most, per layer that runs")
              .min(1)
              .optional("least_share", &Config::least_share,
                        "experts with a smaller share of their layer are not fetched")
              .min(0)
              .max(1);
      return list;
    }
  };

  ActivationMatchPrefetch(const Config& config, const Context& context)
      : config_(config), shape_(context.shape), matrices_(context.shape, config.sequences) {}

  void start_sequence() override { matrices_.start_sequence(); }
  void used(ExpertId id) override { matrices_.count(id); }

  void wanted(const View& view, std::vector<ExpertId>& ids) override {
    std::vector<std::pair<double, ExpertId>> order;
    const auto last = std::min(view.layer + config_.layers, shape_.layers - 1);
    for (auto layer = view.layer + 1; layer <= last; ++layer) {
      const double decay =
          1 - static_cast<double>(layer - view.layer) / static_cast<double>(shape_.layers + 1);
      for (std::int64_t e = 0; e < shape_.experts; ++e) {
        const auto id = static_cast<ExpertId>(layer * shape_.experts + e);
        const double share = matrices_.share(id, view.step * shape_.layers);
        if (share > config_.least_share) order.emplace_back(-share * decay, id);
      }
    }
    std::ranges::sort(order);
    for (std::size_t i = 0; i < order.size() && std::ssize(ids) < config_.experts; ++i)
      ids.push_back(order[i].second);
  }

 private:
  Config config_;
  CacheShape shape_;
  ActivationMatrices matrices_;
};

const Register<Prefetcher, ActivationMatchPrefetch> activation_match_prefetch_registered(
    "activation-match", "shares in the most similar past sequence (MoE-Infinity)");

}  // namespace
}  // namespace moesim
