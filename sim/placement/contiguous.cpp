// Experts in the order of their ids, the first ranks one more when they do not divide; replicas of
// the hottest experts (static, by popularity) follow the originals. What vLLM and Megatron do by
// default.
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
    const auto replicas = replicate(popularity, context_.redundant);
    std::vector<std::int32_t> slots;
    for (std::int32_t e = 0; e < context_.experts; ++e) slots.push_back(e);
    for (std::int32_t e = 0; e < context_.experts; ++e)
      for (std::int32_t copy = 1; copy < replicas[static_cast<std::size_t>(e)]; ++copy)
        slots.push_back(e);
    return placement_of_slots(std::move(slots), context_.experts, context_.ranks);
  }

 private:
  Context context_;
};

const Register<Placement, Contiguous> contiguous_registered(
    "contiguous", "experts in the order of their ids, rank after rank");

}  // namespace
}  // namespace moesim
