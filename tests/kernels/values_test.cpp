#include "kernels/values.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/shuffle.hpp"

namespace moesim::kernels {
namespace {

TEST(ValueColumns, HoldTheCellsOfOneMeasurementUnderTheirNames) {
  const auto columns = columns_with_values({"op", "m"});
  const Sampler sampler{"exact", 3, [] { return 1.0; }};
  const Summary summary = summarize({1e-6, 2e-6, 3e-6, 4e-6, 5e-6}, 0.05);
  const auto row =
      row_with_values({"gemm", "8"}, {true, "library 1", "device 2"}, sampler, summary);
  ASSERT_EQ(row.size(), columns.size());
  const auto cell = [&](const std::string& name) {
    const auto found = std::find(columns.begin(), columns.end(), name);
    return found == columns.end() ? "no column" : row[found - columns.begin()];
  };
  EXPECT_EQ(cell("m"), "8");
  EXPECT_EQ(cell("l2"), "hot");
  EXPECT_EQ(cell("latency_us"), "3");
  EXPECT_EQ(cell("p10_us"), "1.4");
  EXPECT_EQ(cell("p25_us"), "2");
  EXPECT_EQ(cell("p90_us"), "4.6");
  EXPECT_EQ(cell("samples"), "5");
  EXPECT_EQ(cell("timer"), "exact");
  EXPECT_EQ(cell("repeats"), "3");
  EXPECT_EQ(cell("library"), "library 1");
  EXPECT_EQ(cell("device"), "device 2");
  EXPECT_EQ(cell("flag"), "noisy");
}

TEST(ShuffledPoints, AreTheSamePointsInAnOrderOfTheSeed) {
  std::vector<int> sorted;
  for (int i = 0; i < 50; ++i) sorted.push_back(i);
  auto one = sorted, again = sorted, two = sorted;
  shuffle_points(one, 1);
  shuffle_points(again, 1);
  shuffle_points(two, 2);
  EXPECT_EQ(one, again);
  EXPECT_NE(one, two);
  EXPECT_NE(one, sorted);
  std::sort(one.begin(), one.end());
  EXPECT_EQ(one, sorted);
}

}  // namespace
}  // namespace moesim::kernels
