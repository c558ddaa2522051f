// DeepSeek's EPLB over time (github.com/deepseek-ai/EPLB): every `period` steps the replicas of all
// layers are placed anew for the load of the last `window` steps, and the weights that a rank has
// not yet are copied to it. Replicas are the scenario's redundant experts.
#include "sim/placement/eplb.hpp"

#include <deque>

#include "sim/placement/balancer.hpp"

namespace moesim {
namespace {

class Eplb final : public Balancer {
 public:
  struct Config {
    std::int64_t window = 1000, period = 3000, first = 1000;
    bool hierarchical = true;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("window", &Config::window, "steps of history (vLLM: 1000)")
              .min(1)
              .optional("period", &Config::period, "steps between rebalances (vLLM: 3000)")
              .min(1)
              .optional("first", &Config::first, "step of the first rebalance")
              .min(1)
              .optional("hierarchical", &Config::hierarchical,
                        "keep expert groups on one node where they divide (prefill); no: global "
                        "(decode)");
      return list;
    }
  };

  Eplb(const Config& config, const Context& context)
      : config_(config),
        context_(context),
        sum_(static_cast<std::size_t>(context.moe_layers),
             std::vector<double>(static_cast<std::size_t>(context.experts), 0)),
        history_(sum_.size()) {
    const auto slots = context.experts + context.redundant;
    if (slots % context.ranks != 0)
      throw InputError("balancer eplb: " + std::to_string(context.experts) + " experts and " +
                       std::to_string(context.redundant) + " redundant ones do not divide over " +
                       std::to_string(context.ranks) + " ranks");
  }

  void observe(std::int64_t layer, std::span<const std::int32_t> counts) override {
    auto& history = history_[static_cast<std::size_t>(layer)];
    auto& sum = sum_[static_cast<std::size_t>(layer)];
    history.emplace_back(counts.begin(), counts.end());
    for (std::size_t e = 0; e < counts.size(); ++e) sum[e] += counts[e];
    if (static_cast<std::int64_t>(history.size()) <= config_.window) return;
    for (std::size_t e = 0; e < counts.size(); ++e) sum[e] -= history.front()[e];
    history.pop_front();
  }

  bool due(std::int64_t step) const override {
    return step >= config_.first && (step - config_.first) % config_.period == 0;
  }

  LayerPlacement place(std::int64_t layer, const LayerPlacement&) override {
    const auto nodes = std::max<std::int64_t>(1, context_.ranks / context_.ranks_per_node);
    const bool grouped = config_.hierarchical && context_.ranks % nodes == 0;
    return placement_of_slots(
        eplb_replicas(sum_[static_cast<std::size_t>(layer)], context_.experts + context_.redundant,
                      grouped ? context_.groups : 1, grouped ? nodes : 1, context_.ranks),
        context_.experts, context_.ranks);
  }

 private:
  Config config_;
  Context context_;
  std::vector<std::vector<double>> sum_;  ///< [layer][expert] over the window
  std::vector<std::deque<std::vector<std::int32_t>>> history_;
};

const Register<Balancer, Eplb> eplb_registered(
    "eplb", "replicas placed anew for the load of a window of steps (DeepSeek EPLB)");

}  // namespace
}  // namespace moesim
