// The contract of slot "request router", for every registered implementation.
#include <gtest/gtest.h>

#include <set>

#include "sim/serving/request_router.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

class RequestRouterContract : public ::testing::TestWithParam<std::string> {
 protected:
  /// Ranks of `requests` requests, each of which stays.
  static std::vector<std::int64_t> choices(std::int64_t ranks, std::int64_t requests) {
    const auto router = contract::make<RequestRouter>(GetParam(), {ranks});
    std::vector<RankLoad> loads(static_cast<std::size_t>(ranks));
    std::vector<std::int64_t> chosen;
    for (std::int64_t id = 0; id < requests; ++id) {
      chosen.push_back(router->choose(id, loads));
      if (chosen.back() < 0 || chosen.back() >= ranks) return chosen;
      auto& load = loads[static_cast<std::size_t>(chosen.back())];
      (load.running < 4 ? load.running : load.waiting) += 1;
    }
    return chosen;
  }
};

TEST_P(RequestRouterContract, ReturnsARankThatExists) {
  for (const std::int64_t ranks : {1, 2, 7, 144})
    for (const auto rank : choices(ranks, 500)) {
      ASSERT_GE(rank, 0);
      ASSERT_LT(rank, ranks);
    }
}

TEST_P(RequestRouterContract, LeavesNoRankWithoutWork) {
  for (const std::int64_t ranks : {2, 7, 16}) {
    const auto chosen = choices(ranks, 50 * ranks);
    EXPECT_EQ(static_cast<std::int64_t>(std::set(chosen.begin(), chosen.end()).size()), ranks);
  }
}

TEST_P(RequestRouterContract, GivesTheSameRanksForTheSameRequests) {
  EXPECT_EQ(choices(7, 300), choices(7, 300));
}

INSTANTIATE_TEST_SUITE_P(Every, RequestRouterContract,
                         ::testing::ValuesIn(contract::implementations<RequestRouter>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
