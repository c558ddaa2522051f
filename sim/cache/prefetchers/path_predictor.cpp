// ExpertFlow's routing path predictor (arXiv 2410.17954): the experts of all layers are predicted
// once, before the first one (above 90 % right in domain), and fetched in the order of the layers.
#include <algorithm>

#include "sim/cache/prefetcher.hpp"

namespace moesim {
namespace {

class PathPredictor final : public Prefetcher {
 public:
  struct Config {
    double accuracy = 0.9;
    std::int64_t layers = 4;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("accuracy", &Config::accuracy, "share of right experts")
              .min(0)
              .max(1)
              .optional("layers", &Config::layers, "how many layers ahead experts are fetched")
              .min(1);
      return list;
    }
  };

  PathPredictor(const Config& config, const Context& context)
      : config_(config), shape_(context.shape), guess_(context, "path predictor") {}

  void wanted(const View& view, std::vector<ExpertId>& ids) override {
    const auto last = std::min(view.layer + config_.layers, shape_.layers - 1);
    for (auto layer = view.layer + 1; layer <= last; ++layer)  // the same guess every time
      guess_.append(view, layer, 0, config_.accuracy, shape_.experts, ids);
  }

 private:
  Config config_;
  CacheShape shape_;
  Guess guess_;
};

const Register<Prefetcher, PathPredictor> path_predictor_registered(
    "path-predictor", "all layers predicted before the first (ExpertFlow)");

}  // namespace
}  // namespace moesim
