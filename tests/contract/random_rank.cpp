// A policy as somebody would add it: this one file, nothing else.
// tests/contract/new_policy_test.cpp shows that it is listed, described, parsed and contract-tested
// like those that ship.
#include "sim/core/random.hpp"
#include "sim/serving/request_router.hpp"

namespace moesim {
namespace {

class RandomRank final : public RequestRouter {
 public:
  struct Config {
    std::int64_t salt = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("salt", &Config::salt, "another salt draws other ranks")
              .min(0);
      return list;
    }
  };

  RandomRank(const Config& config, const Context&)
      : random_(static_cast<std::uint64_t>(config.salt), stream_id("rank")) {}

  std::int64_t choose(std::int64_t request, std::span<const RankLoad> ranks) override {
    return static_cast<std::int64_t>(
        random_.below(static_cast<std::uint64_t>(request), ranks.size()));
  }

 private:
  RandomStream random_;
};

const Register<RequestRouter, RandomRank> random_rank_registered(
    "test-random-rank", "a rank drawn at random for every request");

}  // namespace
}  // namespace moesim
