// The targets of the fabric model against packet-level runs, where the reference data are there.
#include "sim/cli/network_accuracy.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "sim/core/csv.hpp"
#include "sim/platform/transport.hpp"

namespace moesim {
namespace {

std::string reference() {
  const char* given = std::getenv("MOESIM_REFERENCE_DATA");
  return given != nullptr ? given : MOESIM_SOURCE_DIR "/../shared/data";
}

class NetworkLedger : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(reference() + "/network/runs.csv"))
      GTEST_SKIP() << "no " << reference() << "/network (set MOESIM_REFERENCE_DATA)";
    accuracy_ = network_accuracy(reference());
  }
  std::vector<LedgerEntry> groups(const std::string& start) const {
    std::vector<LedgerEntry> found;
    for (const auto& entry : accuracy_.entries)
      if (entry.group.starts_with(start)) found.push_back(entry);
    return found;
  }
  NetworkAccuracy accuracy_;
};

TEST_F(NetworkLedger, SpraysAndReplaysWithinTheirTargets) {
  for (const auto* start :
       {"spray 1:1", "spray 2:1", "spray 4:1", "replayed hashed 1:1", "replayed hashed 2:1",
        "replayed split 1:1", "replayed split 2:1", "planned 1:1"}) {
    EXPECT_FALSE(groups(start).empty()) << start;
    for (const auto& entry : groups(start))
      if (entry.pass()) {
        EXPECT_TRUE(*entry.pass()) << entry.group << " median " << entry.errors.median_abs
                                   << " p90 " << entry.errors.p90_abs;
      }
  }
}

TEST_F(NetworkLedger, RandomAssignmentsHaveThePacketLevelMean) {
  for (const auto& entry : groups("random assignments")) {
    EXPECT_GT(entry.errors.n, 10);
    EXPECT_LT(entry.errors.median_abs, 0.05) << entry.group;
  }
}

TEST_F(NetworkLedger, BracketsEveryDegradedLink) {
  ASSERT_FALSE(accuracy_.notes.empty());
  EXPECT_NE(accuracy_.notes.front().find("8 of 8"), std::string::npos) << accuracy_.notes.front();
}

// r flows over s paths, as the authors' code cuts them (gcd_split_check.csv of the reference data).
TEST(FlowSplit, CutsAsThePublishedCodeDoes) {
  const auto file = reference() + "/network/gcd_split_check.csv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no " << file;
  const auto table = read_csv(file);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto flows = table.integer(row, table.column("r_flows"));
    const auto paths = table.integer(row, table.column("s_paths"));
    Fabric fabric;
    const int left = fabric.add_switch("left"), right = fabric.add_switch("right");
    fabric.add_endpoint("source");
    fabric.attach(0, left, BytesPerSecond(1), Seconds(0));
    for (std::int64_t s = 0; s < paths; ++s) {
      const int spine = fabric.add_switch("spine");
      fabric.connect(left, spine, BytesPerSecond(1), Seconds(0));
      fabric.connect(spine, right, BytesPerSecond(1), Seconds(0));
    }
    std::vector<Flow> all;
    for (std::int64_t f = 0; f < flows; ++f) {
      const int target = fabric.add_endpoint("target");
      fabric.attach(target, right, BytesPerSecond(1), Seconds(0));
      all.push_back({0, target, 1});
    }
    const PathSets sets(fabric);
    Routes routes;
    Choice<Transport>("flow-split").make({sets, 1})->route(all, routes);
    EXPECT_EQ(static_cast<std::int64_t>(routes.pieces.size()),
              table.integer(row, table.column("pieces_published_code_remainder_only")))
        << flows << " flows over " << paths << " paths";
    LinkLoads loads(fabric.links().size());
    routes.load(loads);
    for (int l = 2; l < 2 + 4 * paths; l += 4)
      EXPECT_NEAR(loads.bytes(l), static_cast<double>(flows) / static_cast<double>(paths), 1e-9);
  }
}

}  // namespace
}  // namespace moesim
