#include "sim/core/parallel.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <stdexcept>

namespace moesim {
namespace {

TEST(ForEachInParallel, DoesEveryPieceOnce) {
  for (const unsigned jobs : {0U, 1U, 3U, 200U}) {
    std::array<std::atomic<int>, 100> done{};
    for_each_in_parallel(done.size(), jobs, [&](std::size_t i) { ++done[i]; });
    for (const auto& times : done) EXPECT_EQ(times, 1) << jobs << " threads";
  }
  for_each_in_parallel(0, 4, [](std::size_t) { FAIL() << "nothing to do"; });
}

TEST(ForEachInParallel, ThrowsTheFirstFailureAndStartsNoMore) {
  std::atomic<int> started = 0;
  const auto work = [&](std::size_t i) {
    ++started;
    if (i == 1) throw std::runtime_error("piece 1");
  };
  EXPECT_THROW(for_each_in_parallel(1000, 1, work), std::runtime_error);
  EXPECT_EQ(started, 2);
  EXPECT_THROW(for_each_in_parallel(1000, 4, work), std::runtime_error);
}

}  // namespace
}  // namespace moesim
