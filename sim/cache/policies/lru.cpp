// Least recently used. `protect_layers`: experts of the next layers stay while others can go, as in
// MoE-Infinity's lru_ds (https://github.com/TorchMoE/MoE-Infinity, three layers); it means nothing
// when every layer has its own slots.
#include <algorithm>

#include "sim/cache/cache_policy.hpp"

namespace moesim {
namespace {

class Lru final : public CachePolicy {
 public:
  struct Config {
    std::int64_t protect_layers = 0;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("protect_layers", &Config::protect_layers,
                        "experts of so many next layers leave last (slots in one pool)")
              .min(0);
      return list;
    }
  };

  Lru(const Config& config, const Context& context)
      : shape_(context.shape),
        ahead_(std::min(config.protect_layers, context.shape.layers - 1)),
        last_use_(static_cast<std::size_t>(context.shape.all()), -1) {}

  void used(ExpertId id, std::int64_t visit, bool) override {
    last_use_[static_cast<std::size_t>(id)] = visit;
  }

  std::size_t victim(std::span<const ExpertId> candidates, std::int64_t visit) override {
    const auto last = [&](ExpertId id) { return last_use_[static_cast<std::size_t>(id)]; };
    if (ahead_ == 0) return lowest(candidates, last);
    const auto now = visit % shape_.layers;
    return lowest(candidates, [&](ExpertId id) {
      const auto ahead = (shape_.layer_of(id) - now + shape_.layers) % shape_.layers;
      const bool soon = ahead > 0 && ahead <= ahead_;
      return std::pair(soon, last(id));
    });
  }

 private:
  CacheShape shape_;
  std::int64_t ahead_;
  std::vector<std::int64_t> last_use_;
};

const Register<CachePolicy, Lru> lru_registered("lru", "the least recently used leaves");

}  // namespace
}  // namespace moesim
