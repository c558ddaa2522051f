// Where DeepSeek's EPLB puts the experts and their replicas for the popularity known at the start.
#include "sim/placement/eplb.hpp"
#include "sim/placement/packing.hpp"

namespace moesim {
namespace {

class EplbPlacement final : public Placement {
 public:
  struct Config {
    bool hierarchical = true;
    static const Parameters<Config>& parameters() {
      static const auto list = Parameters<Config>().optional(
          "hierarchical", &Config::hierarchical,
          "keep expert groups on one node where they divide; no: global");
      return list;
    }
  };
  EplbPlacement(const Config& config, const Context& context)
      : config_(config), context_(context) {}

  LayerPlacement place(std::span<const double> popularity) override {
    const auto slots = context_.experts + context_.redundant;
    // EPLB needs equally many slots on every rank; elsewhere its packing rule alone decides.
    if (slots % context_.ranks != 0) return pack_by_load(popularity, context_, 1);
    const auto nodes = context_.ranks / context_.ranks_per_node;
    const bool grouped = config_.hierarchical && nodes > 1 && context_.ranks % nodes == 0 &&
                         context_.groups % nodes == 0 && slots % nodes == 0;
    return placement_of_slots(eplb_replicas(popularity, slots, grouped ? context_.groups : 1,
                                            grouped ? nodes : 1, context_.ranks),
                              context_.experts, context_.ranks);
  }

 private:
  Config config_;
  Context context_;
};

const Register<Placement, EplbPlacement> eplb_placement_registered(
    "eplb", "DeepSeek's EPLB for the popularity known at the start");

}  // namespace
}  // namespace moesim
