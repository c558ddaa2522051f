// Belady's optimum (IBM Systems Journal 5(2), 1966): what is needed again last leaves. With a
// finite `look_ahead` only the next so many steps are known (Read-ME, arXiv 2410.19123: the queued
// requests); of what is not needed within them the least recently used leaves. A queue is not
// always equally long: `queued` lets it grow and shrink as that before one server with random
// arrivals and service times does (M/M/1). An oracle: needs the recorded future.
#include "sim/cache/cache_policy.hpp"
#include "sim/core/random.hpp"

namespace moesim {
namespace {

class Belady final : public CachePolicy {
 public:
  struct Config {
    std::optional<std::int64_t> look_ahead;
    bool queued = false;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("look_ahead", &Config::look_ahead, "steps that are known (default: all)")
              .min(0)
              .optional("queued", &Config::queued,
                        "look_ahead is the mean of a queue that grows and shrinks (M/M/1)");
      return list;
    }
    void check(const Node& at) const {
      if (queued && !look_ahead)
        throw InputError(at.where, "queued: give look_ahead, the mean length of the queue");
    }
  };

  Belady(const Config& config, const Context& context)
      : future_(known(context)),
        look_ahead_(config.look_ahead.value_or(0)),
        window_(config.look_ahead ? look_ahead_ * context.shape.layers : FutureUses::kNever),
        layers_(context.shape.layers),
        queued_(config.queued),
        arrivals_(context.seed, stream_id("queued requests")),
        last_use_(static_cast<std::size_t>(context.shape.all()), -1) {}

  void used(ExpertId id, std::int64_t visit, bool) override {
    last_use_[static_cast<std::size_t>(id)] = visit;
  }

  std::size_t victim(std::span<const ExpertId> candidates, std::int64_t visit) override {
    if (queued_) serve_until(visit / layers_);
    return lowest(candidates, [&](ExpertId id) {
      const auto last = last_use_[static_cast<std::size_t>(id)];
      // What was not used in this visit may be needed later in it (experts computed in turn).
      const auto since = last == visit ? visit : visit - 1;
      auto next = future_.next_time(id, since);
      if (next != FutureUses::kNever && future_.next(id, since) - visit > window_)
        next = FutureUses::kNever;
      return std::pair(-next, last);
    });
  }

 private:
  static FutureUses::Reader known(const Context& context) {
    if (context.future == nullptr)
      throw InputError("policy 'belady' is an oracle: it needs accesses that are all recorded");
    return FutureUses::Reader(*context.future);
  }

  // One step takes one request from the queue; arrivals during it are geometric. With load rho, the
  // mean is rho / (1 - rho).
  void serve_until(std::int64_t step) {
    const double load = static_cast<double>(look_ahead_) / static_cast<double>(1 + look_ahead_);
    for (; served_ < step; ++served_) {
      queue_ = std::max<std::int64_t>(queue_ - 1, 0);
      while (arrivals_.uniform(draws_++) < load / (1 + load)) ++queue_;
    }
    window_ = queue_ * layers_;
  }

  FutureUses::Reader future_;
  std::int64_t look_ahead_, window_, layers_;
  bool queued_;
  RandomStream arrivals_;
  std::int64_t served_ = 0, queue_ = 0;
  std::uint64_t draws_ = 0;
  std::vector<std::int64_t> last_use_;
};

const Register<CachePolicy, Belady> belady_registered(
    "belady", "oracle: what is needed again last leaves (no policy hits more often)");

}  // namespace
}  // namespace moesim
