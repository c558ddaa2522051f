// The most popular experts of a layer stay for good (Fiddler's placement by popularity, arXiv
// 2402.07033); the slots that are left (enough for one token, unless misses are staged) are LRU.
// Popularity is what the run was given, or the uses so far.
#include <algorithm>
#include <numeric>

#include "sim/cache/cache_policy.hpp"

namespace moesim {
namespace {

class Pinned final : public CachePolicy {
 public:
  struct Config {
    double share = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("share", &Config::share,
                        "of the slots that a token's misses do not need, how many are pinned")
              .min(0)
              .max(1);
      return list;
    }
  };

  Pinned(const Config& config, const Context& context)
      : shape_(context.shape),
        pinned_(static_cast<std::size_t>(config.share * static_cast<double>(spare(context)))),
        learns_(context.popularity.empty()),
        popularity_(context.popularity.begin(), context.popularity.end()),
        last_use_(static_cast<std::size_t>(context.shape.all()), -1) {
    popularity_.resize(last_use_.size(), 0);
  }

  void used(ExpertId id, std::int64_t visit, bool) override {
    last_use_[static_cast<std::size_t>(id)] = visit;
    if (learns_) ++popularity_[static_cast<std::size_t>(id)];
  }

  /// The least recently used of those that are not among the `pinned_` most popular candidates.
  std::size_t victim(std::span<const ExpertId> candidates, std::int64_t) override {
    order_.resize(candidates.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    const auto kept = std::min(pinned_, candidates.size() - 1);
    if (kept > 0)
      std::ranges::nth_element(
          order_, order_.begin() + static_cast<std::ptrdiff_t>(kept) - 1,
          [&](std::size_t a, std::size_t b) { return before(candidates[a], candidates[b]); });
    return *std::min_element(
        order_.begin() + static_cast<std::ptrdiff_t>(kept), order_.end(),
        [&](std::size_t a, std::size_t b) { return last(candidates[a]) < last(candidates[b]); });
  }

 private:
  /// Slots that no layer's misses need.
  static std::int64_t spare(const Context& context) {
    return std::max<std::int64_t>(0, context.slots - (context.staged ? 0 : context.shape.top_k));
  }
  std::int64_t last(ExpertId id) const { return last_use_[static_cast<std::size_t>(id)]; }
  bool before(ExpertId a, ExpertId b) const {
    const double x = popularity_[static_cast<std::size_t>(a)];
    const double y = popularity_[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  }

  CacheShape shape_;
  std::size_t pinned_;
  bool learns_;
  std::vector<double> popularity_;
  std::vector<std::int64_t> last_use_;
  std::vector<std::size_t> order_;
};

const Register<CachePolicy, Pinned> pinned_registered(
    "pinned", "the most popular experts stay, the rest is LRU");

}  // namespace
}  // namespace moesim
