// The gates of the next layers applied to this layer's hidden state: Mixtral-offloading's
// speculative loading (arXiv 2312.17238 section 3.2) and HOBBIT's stacked gates (arXiv 2411.01433
// section 3.3: 96 % right one layer ahead, about 90 % two and three ahead). `adaptive`: one layer
// deeper only when all that was predicted for the nearer one is there.
#include <algorithm>

#include "sim/cache/prefetcher.hpp"

namespace moesim {
namespace {

class GateLookAhead final : public Prefetcher {
 public:
  struct Config {
    std::int64_t layers = 1;
    std::vector<double> accuracy = {0.96, 0.9, 0.9};
    std::optional<std::int64_t> experts;
    bool adaptive = false;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("layers", &Config::layers, "how many layers ahead")
              .min(1)
              .optional("accuracy", &Config::accuracy,
                        "share of right experts 1, 2, ... layers ahead; the last one holds beyond")
              .min(0)
              .max(1)
              .optional("experts", &Config::experts,
                        "at most so many per layer, first choices first (default: all chosen)")
              .min(1)
              .optional("adaptive", &Config::adaptive,
                        "a deeper layer only when the nearer one's are there (HOBBIT)");
      return list;
    }
    void check(const Node& at) const {
      if (accuracy.empty()) throw InputError(at.where, "accuracy: the list is empty");
      for (const double p : accuracy)
        if (p < 0 || p > 1)
          throw InputError(at.where, "accuracy: every entry must lie between 0 and 1");
    }
  };

  GateLookAhead(const Config& config, const Context& context)
      : config_(config), shape_(context.shape), guess_(context, "gate look-ahead") {}

  void wanted(const View& view, std::vector<ExpertId>& ids) override {
    if (view.layer < 0) return;  // no hidden state yet
    const auto limit = config_.experts.value_or(shape_.experts);
    for (std::int64_t d = 1; d <= config_.layers && view.layer + d < shape_.layers; ++d) {
      const auto known =
          std::min<std::size_t>(static_cast<std::size_t>(d), config_.accuracy.size());
      const auto first = ids.size();
      guess_.append(view, view.layer + d, d, config_.accuracy[known - 1], limit, ids);
      const bool there = std::all_of(ids.begin() + static_cast<std::ptrdiff_t>(first), ids.end(),
                                     [&](ExpertId id) { return view.holds(id); });
      if (config_.adaptive && !there) return;
    }
  }

 private:
  Config config_;
  CacheShape shape_;
  Guess guess_;
};

const Register<Prefetcher, GateLookAhead> gate_look_ahead_registered(
    "gate-look-ahead", "later gates on this layer's state (Mixtral-offloading, HOBBIT)");

}  // namespace
}  // namespace moesim
