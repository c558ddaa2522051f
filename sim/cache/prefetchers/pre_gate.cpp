// Gates that were trained to choose ahead, so what they say is what will be: one layer ahead in
// Pre-gated MoE (arXiv 2308.12066, the first layer's own gate is serial), all layers before the
// first in Read-ME (arXiv 2410.19123, its router runs once per token; `from_start`).
#include <algorithm>

#include "sim/cache/prefetcher.hpp"

namespace moesim {
namespace {

class PreGate final : public Prefetcher {
 public:
  struct Config {
    std::int64_t layers = 1;
    bool from_start = false;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("layers", &Config::layers, "how many layers ahead")
              .min(1)
              .optional("from_start", &Config::from_start,
                        "the choice is known before the first layer (Read-ME)");
      return list;
    }
  };

  PreGate(const Config& config, const Context& context) : config_(config), shape_(context.shape) {}

  void wanted(const View& view, std::vector<ExpertId>& ids) override {
    if (view.layer < 0 && !config_.from_start) return;
    const auto last = std::min(view.layer + config_.layers, shape_.layers - 1);
    for (auto layer = view.layer + 1; layer <= last; ++layer) {
      const auto& truth = view.truth[static_cast<std::size_t>(layer)];
      ids.insert(ids.end(), truth.begin(), truth.end());
    }
  }

 private:
  Config config_;
  CacheShape shape_;
};

const Register<Prefetcher, PreGate> pre_gate_registered(
    "pre-gate", "exact choices of the next layers (Pre-gated MoE, Read-ME; an oracle elsewhere)");

}  // namespace
}  // namespace moesim
