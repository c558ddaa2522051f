// What is used least in the next `tokens` steps leaves: the oracle behind the segment cache hit
// rate SCH(rho, m) of "Not All Models Suit Expert Offloading" (arXiv 2505.16056 section 3.2); of
// equals the one needed again last.
#include <vector>

#include "sim/cache/cache_policy.hpp"

namespace moesim {
namespace {

class SegmentOracle final : public CachePolicy {
 public:
  struct Config {
    std::int64_t tokens = 16;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>().optional("tokens", &Config::tokens, "steps of a segment (m)").min(1);
      return list;
    }
  };

  SegmentOracle(const Config& config, const Context& context)
      : future_(known(context)),
        span_(config.tokens * context.shape.layers),
        last_use_(static_cast<std::size_t>(context.shape.all()), -1) {}

  void used(ExpertId id, std::int64_t visit, bool) override {
    last_use_[static_cast<std::size_t>(id)] = visit;
  }

  std::size_t victim(std::span<const ExpertId> candidates, std::int64_t visit) override {
    return lowest(candidates, [&](ExpertId id) {
      // What was not used in this visit may be needed later in it (experts computed in turn).
      const auto since = last_use_[static_cast<std::size_t>(id)] == visit ? visit : visit - 1;
      const auto uses = future_.count(id, since, span_ + visit - since);
      return std::pair(uses, -future_.next_time(id, since));
    });
  }

 private:
  static FutureUses::Reader known(const Context& context) {
    if (context.future == nullptr)
      throw InputError(
          "policy 'segment-oracle' is an oracle: it needs accesses that are all recorded");
    return FutureUses::Reader(*context.future);
  }

  FutureUses::Reader future_;
  std::int64_t span_;
  std::vector<std::int64_t> last_use_;
};

const Register<CachePolicy, SegmentOracle> segment_oracle_registered(
    "segment-oracle", "oracle: what the next segment uses least leaves (SCH)");

}  // namespace
}  // namespace moesim
