#include "kernels/rank_team.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace moesim::kernels {
namespace {

TEST(RankTeam, RunsTheWorkOncePerRankAndRound) {
  RankTeam team(4);
  std::array<std::atomic<int>, 4> calls{};
  for (int round = 0; round < 50; ++round) team.run([&](std::size_t rank) { ++calls[rank]; });
  for (const auto& count : calls) EXPECT_EQ(count, 50);
}

TEST(RankTeam, TimesTheSlowestRank) {
  RankTeam team(3);
  const double seconds = team.run([](std::size_t rank) {
    if (rank == 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  EXPECT_GE(seconds, 0.020);
}

TEST(RankTeam, ThrowsTheCauseAndNotWhatFollowedFromIt) {
  RankTeam team(3);
  const auto work = [&](std::size_t rank) {
    if (rank == 2) throw std::runtime_error("the cause");
    while (!team.failed()) std::this_thread::yield();
    throw std::runtime_error("another rank failed");
  };
  for (int round = 0; round < 20; ++round) {
    try {
      team.run(work);
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()), "the cause");
    }
  }
  EXPECT_NO_THROW(team.run([](std::size_t) {})) << "the team works on";
}

TEST(RankTeam, SetsEveryThreadUpBeforeItsFirstWork) {
  std::array<std::atomic<bool>, 2> ready{};
  RankTeam team(2, [&](std::size_t rank) { ready[rank] = true; });
  team.run([&](std::size_t rank) { EXPECT_TRUE(ready[rank]); });
}

}  // namespace
}  // namespace moesim::kernels
