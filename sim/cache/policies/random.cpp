// Any of them, with equal probability: the floor that every other policy has to beat.
#include "sim/core/random.hpp"

#include "sim/cache/cache_policy.hpp"

namespace moesim {
namespace {

class Random final : public CachePolicy {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };

  Random(const Config&, const Context& context)
      : stream_(context.seed, stream_id("random eviction")) {}

  void used(ExpertId, std::int64_t, bool) override {}

  std::size_t victim(std::span<const ExpertId> candidates, std::int64_t) override {
    return stream_.below(draws_++, candidates.size());
  }

 private:
  RandomStream stream_;
  std::uint64_t draws_ = 0;
};

const Register<CachePolicy, Random> random_registered("random",
                                                      "any leaves, with equal probability");

}  // namespace
}  // namespace moesim
