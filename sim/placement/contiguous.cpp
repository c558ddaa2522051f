// Experts in the order of their ids, the first ranks one more when they do not divide; replicas of
// the hottest experts (static, by popularity) follow the originals. What vLLM and Megatron do by
// default.
#include <algorithm>

#include "sim/placement/placement.hpp"

namespace moesim {
namespace {

class Contiguous final : public Placement {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };

  Contiguous(const Config&, const Context& context) : context_(context) {}

  LayerPlacement place(std::span<const double> popularity) override {
    LayerPlacement placement;
    placement.replicas = replicate(popularity, context_.redundant);
    for (std::int32_t e = 0; e < context_.experts; ++e) placement.expert_of_slot.push_back(e);
    for (std::int32_t e = 0; e < context_.experts; ++e)
      for (std::int32_t copy = 1; copy < placement.replicas[static_cast<std::size_t>(e)]; ++copy)
        placement.expert_of_slot.push_back(e);
    const auto slots = context_.experts + context_.redundant;
    for (std::int64_t r = 0; r <= context_.ranks; ++r) {
      const auto first = r * (slots / context_.ranks) + std::min(r, slots % context_.ranks);
      placement.first_slot.push_back(static_cast<std::int32_t>(first));
    }
    return placement;
  }

 private:
  Context context_;
};

const Register<Placement, Contiguous> registered(
    "contiguous", "experts in the order of their ids, rank after rank");

}  // namespace
}  // namespace moesim
