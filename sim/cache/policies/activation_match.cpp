// MoE-Infinity's priority (arXiv 2401.14361): nearness of the layer times the expert's share of its
// layer's activations in this sequence and in the past one most like it; the lowest leaves.
#include "sim/cache/activation_matrix.hpp"
#include "sim/cache/cache_policy.hpp"

namespace moesim {
namespace {

class ActivationMatch final : public CachePolicy {
 public:
  struct Config {
    std::int64_t sequences = 64;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("sequences", &Config::sequences, "past sequences that are remembered")
              .min(1)
              .max(100'000);
      return list;
    }
  };

  ActivationMatch(const Config& config, const Context& context)
      : shape_(context.shape),
        matrices_(context.shape, config.sequences),
        last_use_(static_cast<std::size_t>(context.shape.all()), -1) {}

  void start_sequence() override { matrices_.start_sequence(); }

  void used(ExpertId id, std::int64_t visit, bool) override {
    matrices_.count(id);
    last_use_[static_cast<std::size_t>(id)] = visit;
  }

  std::size_t victim(std::span<const ExpertId> candidates, std::int64_t visit) override {
    const auto now = visit % shape_.layers;
    return lowest(candidates, [&](ExpertId id) {
      const auto ahead = (shape_.layer_of(id) - now + shape_.layers) % shape_.layers;
      const double nearness =
          1 - static_cast<double>(ahead) / static_cast<double>(shape_.layers + 1);
      return std::pair(nearness * matrices_.share(id, visit),
                       last_use_[static_cast<std::size_t>(id)]);
    });
  }

 private:
  CacheShape shape_;
  ActivationMatrices matrices_;
  std::vector<std::int64_t> last_use_;
};

const Register<CachePolicy, ActivationMatch> activation_match_registered(
    "activation-match", "shares in this and the most similar past sequence (MoE-Infinity)");

}  // namespace
}  // namespace moesim
