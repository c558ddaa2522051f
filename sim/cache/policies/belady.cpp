// Belady's optimum (IBM Systems Journal 5(2), 1966): what is needed again last leaves. With a
// finite `look_ahead` only the next so many steps are known (Read-ME, arXiv 2410.19123: the queued
// requests); of what is not needed within them the least recently used leaves. An oracle: needs the
// recorded future.
#include "sim/cache/cache_policy.hpp"

namespace moesim {
namespace {

class Belady final : public CachePolicy {
 public:
  struct Config {
    std::optional<std::int64_t> look_ahead;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("look_ahead", &Config::look_ahead, "steps that are known (default: all)")
              .min(0);
      return list;
    }
  };

  Belady(const Config& config, const Context& context)
      : future_(known(context)),
        window_(config.look_ahead ? *config.look_ahead * context.shape.layers : FutureUses::kNever),
        last_use_(static_cast<std::size_t>(context.shape.all()), -1) {}

  void used(ExpertId id, std::int64_t visit, bool) override {
    last_use_[static_cast<std::size_t>(id)] = visit;
  }

  std::size_t victim(std::span<const ExpertId> candidates, std::int64_t visit) override {
    return lowest(candidates, [&](ExpertId id) {
      auto next = future_.next(id, visit);
      if (next != FutureUses::kNever && next - visit > window_) next = FutureUses::kNever;
      return std::pair(-next, last_use_[static_cast<std::size_t>(id)]);
    });
  }

 private:
  static FutureUses::Reader known(const Context& context) {
    if (context.future == nullptr)
      throw InputError("policy 'belady' is an oracle: it needs accesses that are all recorded");
    return FutureUses::Reader(*context.future);
  }

  FutureUses::Reader future_;
  std::int64_t window_;
  std::vector<std::int64_t> last_use_;
};

const Register<CachePolicy, Belady> registered(
    "belady", "oracle: what is needed again last leaves (no policy hits more often)");

}  // namespace
}  // namespace moesim
