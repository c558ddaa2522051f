// Capacity factor (GShard, arXiv 2006.16668; Switch, arXiv 2101.03961): an expert takes at most
// ceil(factor x n k / E) tokens of a batch, in their order; what overflows is dropped, goes to the
// token's next choice that has room, or to the least loaded expert.
#include <algorithm>
#include <cmath>

#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"

namespace moesim {
namespace {

enum class Overflow { drop, next, reroute };
const std::vector<std::string>& names_of(Overflow) {
  static const std::vector<std::string> names = {"drop", "next", "reroute"};
  return names;
}

class Capacity final : public Router {
 public:
  struct Config {
    double factor = 1.25;
    Overflow overflow = Overflow::drop;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("factor", &Config::factor, "capacity of an expert / its mean load")
              .above(0)
              .optional("overflow", &Config::overflow,
                        "drop: not computed; next: the token's next choice with room; reroute: the "
                        "least loaded expert");
      return list;
    }
  };

  Capacity(const Config& config, const Context& context) : Router(context), config_(config) {
    if (config.overflow != Overflow::drop && config.factor < 1)
      throw InputError(
          "router capacity: factor below 1 leaves no room for every token; take "
          "overflow: drop");
  }

  std::int64_t groups() const override { return 1; }  // of the choices before settle()

  void route(const RoutedLayer& layer, std::span<const float> logits,
             std::span<std::uint16_t> chosen) override {
    const auto experts = static_cast<std::size_t>(layer.experts),
               k = static_cast<std::size_t>(width());
    const auto tokens = logits.size() / experts;
    const auto room = limit(static_cast<std::int64_t>(tokens));
    std::vector<std::int64_t> load(experts, 0);
    std::vector<std::uint16_t> ranked(experts);
    std::ranges::fill(chosen, kNoExpert);
    for (std::size_t t = 0; t < tokens; ++t) {
      const auto row = logits.subspan(t * experts, experts);
      const auto mine = chosen.subspan(t * k, k);
      const bool next = config_.overflow == Overflow::next;
      select_top(row, std::span(ranked).first(next ? experts : k));
      std::size_t held = 0;
      for (std::size_t i = 0; i < (next ? experts : k) && held < k; ++i)
        if (load[ranked[i]] < room) mine[held++] = ranked[i], ++load[ranked[i]];
      if (config_.overflow != Overflow::reroute) continue;
      for (; held < k; ++held) {
        const auto id = least_loaded(load, mine.first(held));
        mine[held] = id;
        ++load[id];
      }
    }
  }

  void settle(std::int64_t tokens, std::span<std::int32_t> counts) const override {
    const auto room = limit(tokens);
    std::int64_t over = 0;
    for (auto& n : counts) {
      const auto excess = std::max<std::int64_t>(0, n - room);
      n -= static_cast<std::int32_t>(excess);
      over += excess;
    }
    if (config_.overflow == Overflow::drop) return;
    while (over > 0) {  // what overflows fills the others: the least loaded first, or in turn
      auto into = config_.overflow == Overflow::reroute ? std::ranges::min_element(counts)
                                                        : most_loaded_with_room(counts, room);
      if (into == counts.end() || *into >= room) return;
      const auto step = std::min<std::int64_t>(
          {over, room - *into, std::max<std::int64_t>(1, over / std::ssize(counts))});
      *into += static_cast<std::int32_t>(step);
      over -= step;
    }
  }

 private:
  std::int64_t limit(std::int64_t tokens) const {
    const double mean =
        static_cast<double>(tokens * context_.top_k) / static_cast<double>(context_.experts);
    return std::min<std::int64_t>(tokens,
                                  static_cast<std::int64_t>(std::ceil(config_.factor * mean)));
  }
  static std::uint16_t least_loaded(const std::vector<std::int64_t>& load,
                                    std::span<const std::uint16_t> taken) {
    std::size_t best = load.size();
    for (std::size_t e = 0; e < load.size(); ++e)
      if (std::ranges::find(taken, e) == taken.end() &&
          (best == load.size() || load[e] < load[best]))
        best = e;
    return static_cast<std::uint16_t>(best);
  }
  static std::span<std::int32_t>::iterator most_loaded_with_room(std::span<std::int32_t> counts,
                                                                 std::int64_t room) {
    auto best = counts.end();
    for (auto it = counts.begin(); it != counts.end(); ++it)
      if (*it < room && (best == counts.end() || *it > *best)) best = it;
    return best;
  }

  Config config_;
};

const Register<Router, Capacity> capacity_registered(
    "capacity",
    "top-k with a capacity per expert; overflow dropped, to the next choice or rerouted");

}  // namespace
}  // namespace moesim
