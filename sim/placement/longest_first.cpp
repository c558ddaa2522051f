// Longest processing time first: the most popular expert to the rank with the least load (Graham,
// 1969: at most 4/3 of the optimum without the limit on slots). `by_node` balances nodes before
// ranks, which is what the links between nodes see.
#include "sim/placement/packing.hpp"

namespace moesim {
namespace {

class LongestFirst final : public Placement {
 public:
  struct Config {
    bool by_node = false;
    static const Parameters<Config>& parameters() {
      static const auto list = Parameters<Config>().optional(
          "by_node", &Config::by_node, "balance the nodes first, then the ranks of each");
      return list;
    }
  };
  LongestFirst(const Config& config, const Context& context)
      : context_(context),
        nodes_(config.by_node && context.ranks % context.ranks_per_node == 0
                   ? context.ranks / context.ranks_per_node
                   : 1) {}

  LayerPlacement place(std::span<const double> popularity) override {
    return pack_by_load(popularity, context_, nodes_);
  }

 private:
  Context context_;
  std::int64_t nodes_;
};

const Register<Placement, LongestFirst> longest_first_registered(
    "longest-first", "the most popular expert to the least loaded rank (greedy LPT)");

}  // namespace
}  // namespace moesim
