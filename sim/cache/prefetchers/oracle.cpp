// Knows what every layer of the step will need: the bound of all prefetchers.
#include <algorithm>

#include "sim/cache/prefetcher.hpp"

namespace moesim {
namespace {

class OraclePrefetch final : public Prefetcher {
 public:
  struct Config {
    std::int64_t layers = 4;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>().optional("layers", &Config::layers, "how many layers ahead").min(1);
      return list;
    }
  };
  OraclePrefetch(const Config& config, const Context& context)
      : layers_(config.layers), shape_(context.shape) {}
  void wanted(const View& view, std::vector<ExpertId>& ids) override {
    const auto last = std::min(view.layer + layers_, shape_.layers - 1);
    for (auto layer = view.layer + 1; layer <= last; ++layer) {
      const auto& truth = view.truth[static_cast<std::size_t>(layer)];
      ids.insert(ids.end(), truth.begin(), truth.end());
    }
  }

 private:
  std::int64_t layers_;
  CacheShape shape_;
};

const Register<Prefetcher, OraclePrefetch> oracle_prefetch_registered(
    "oracle", "exact choices, known before the first layer: the bound");

}  // namespace
}  // namespace moesim
