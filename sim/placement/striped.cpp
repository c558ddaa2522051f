// Expert e on rank e mod ranks: neighbours of a group stand on different ranks. Replicas of the
// hottest experts follow in the same way.
#include "sim/placement/placement.hpp"

namespace moesim {
namespace {

class Striped final : public Placement {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };
  Striped(const Config&, const Context& context) : context_(context) {}

  LayerPlacement place(std::span<const double> popularity) override {
    const auto replicas = replicate(popularity, context_.redundant);
    std::vector<std::vector<std::int32_t>> on(static_cast<std::size_t>(context_.ranks));
    std::size_t next = 0;
    const auto deal = [&](std::int32_t e) { on[next++ % on.size()].push_back(e); };
    for (std::int32_t e = 0; e < context_.experts; ++e) deal(e);
    for (std::int32_t e = 0; e < context_.experts; ++e)
      for (std::int32_t copy = 1; copy < replicas[static_cast<std::size_t>(e)]; ++copy) deal(e);
    std::vector<std::int32_t> slots;
    for (const auto& rank : on) slots.insert(slots.end(), rank.begin(), rank.end());
    return placement_of_slots(std::move(slots), context_.experts, context_.ranks);
  }

 private:
  Context context_;
};

const Register<Placement, Striped> striped_registered("striped", "expert e on rank e mod ranks");

}  // namespace
}  // namespace moesim
