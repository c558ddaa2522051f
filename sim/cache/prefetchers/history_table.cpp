// EdgeMoE's dictionary (arXiv 2308.14352 section 3.3): keyed by the experts of the two layers
// before, how often each expert of the next layer came; the most frequent are fetched. The table
// learns from the run itself, first choices of a token only.
#include <algorithm>
#include <map>
#include <tuple>

#include "sim/cache/prefetcher.hpp"

namespace moesim {
namespace {

class HistoryTable final : public Prefetcher {
 public:
  struct Config {
    std::int64_t experts = 2;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("experts", &Config::experts, "fetched per layer (EdgeMoE: 1 to 3)")
              .min(1);
      return list;
    }
  };

  HistoryTable(const Config& config, const Context& context)
      : config_(config), shape_(context.shape) {}

  void wanted(const View& view, std::vector<ExpertId>& ids) override {
    if (view.layer < 0) return;
    const auto first = [&](std::int64_t layer) {
      if (layer < 0) return ExpertId{-1};
      const auto& needed = view.truth[static_cast<std::size_t>(layer)];
      return needed.empty() ? ExpertId{-1} : needed.front();
    };
    // What this layer needed is known now: learn it under the two layers before.
    for (const auto id : view.truth[static_cast<std::size_t>(view.layer)])
      ++counts_[{view.layer, first(view.layer - 2), first(view.layer - 1)}][id];
    if (view.layer + 1 >= shape_.layers) return;
    const auto row = counts_.find({view.layer + 1, first(view.layer - 1), first(view.layer)});
    if (row == counts_.end()) return;
    std::vector<std::pair<std::int64_t, ExpertId>> order;
    for (const auto& [id, count] : row->second) order.emplace_back(-count, id);
    std::ranges::sort(order);
    for (std::size_t i = 0; i < order.size() && std::ssize(ids) < config_.experts; ++i)
      ids.push_back(order[i].second);
  }

 private:
  Config config_;
  CacheShape shape_;
  std::map<std::tuple<std::int64_t, ExpertId, ExpertId>, std::map<ExpertId, std::int64_t>> counts_;
};

const Register<Prefetcher, HistoryTable> history_table_registered(
    "history-table", "what followed the experts of the last two layers (EdgeMoE)");

}  // namespace
}  // namespace moesim
