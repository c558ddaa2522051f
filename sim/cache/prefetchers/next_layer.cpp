// All experts of the next layer, whatever the gate will say: SE-MoE's ring buffer (arXiv
// 2205.10034) and the baseline MoE-Prefetch of Pre-gated MoE (arXiv 2308.12066).
#include "sim/cache/prefetcher.hpp"

namespace moesim {
namespace {

class NextLayer final : public Prefetcher {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };
  NextLayer(const Config&, const Context& context) : shape_(context.shape) {}
  void wanted(const View& view, std::vector<ExpertId>& ids) override {
    const auto layer = view.layer + 1;
    if (layer >= shape_.layers) return;
    for (std::int64_t e = 0; e < shape_.experts; ++e)
      ids.push_back(static_cast<ExpertId>(layer * shape_.experts + e));
  }

 private:
  CacheShape shape_;
};

const Register<Prefetcher, NextLayer> next_layer_registered(
    "next-layer", "every expert of the next layer (SE-MoE)");

}  // namespace
}  // namespace moesim
