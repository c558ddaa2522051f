// Experts and their replicas in random order, fixed by the seed: what placement by chance gives.
#include <numeric>
#include <utility>

#include "sim/core/random.hpp"
#include "sim/placement/placement.hpp"

namespace moesim {
namespace {

class Random final : public Placement {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };
  Random(const Config&, const Context& context) : context_(context) {}

  LayerPlacement place(std::span<const double> popularity) override {
    const auto replicas = replicate(popularity, context_.redundant);
    std::vector<std::int32_t> slots;
    for (std::int32_t e = 0; e < context_.experts; ++e)
      slots.insert(slots.end(), static_cast<std::size_t>(replicas[static_cast<std::size_t>(e)]), e);
    const RandomStream random(context_.seed, stream_id("random placement"));
    for (std::size_t i = slots.size() - 1; i > 0; --i)
      std::swap(slots[i], slots[random.below(i, i + 1)]);
    return placement_of_slots(std::move(slots), context_.experts, context_.ranks);
  }

 private:
  Context context_;
};

const Register<Placement, Random> random_registered("random", "experts in random order");

}  // namespace
}  // namespace moesim
