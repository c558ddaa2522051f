// Ranks in turn, whatever their load.
#include "sim/serving/request_router.hpp"

namespace moesim {
namespace {

class RoundRobin final : public RequestRouter {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };

  RoundRobin(const Config&, const Context&) {}

  std::int64_t choose(std::int64_t request, std::span<const RankLoad> ranks) override {
    return request % static_cast<std::int64_t>(ranks.size());
  }
};

const Register<RequestRouter, RoundRobin> round_robin_registered("round-robin", "ranks in turn");

}  // namespace
}  // namespace moesim
