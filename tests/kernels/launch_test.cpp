#include "kernels/launch.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace moesim::kernels {
namespace {

/// Starting costs 5 us and every node 2 us more; of a hundred nodes it can be told to lose one.
class TwoMicroseconds final : public LaunchDevice {
 public:
  explicit TwoMicroseconds(bool loses_one = false) : loses_one_(loses_one) {}
  std::string name() const override { return "exact"; }
  std::string library() const override { return "none"; }
  std::vector<std::string> kinds() const override { return {"first", "second"}; }
  std::size_t count(const std::string&, std::size_t nodes) override {
    return loses_one_ && nodes == 100 ? 99 : nodes;
  }
  Sampler sampler(const std::string&, std::size_t nodes) override {
    return {"exact", 1, [nodes] { return 5e-6 + 2e-6 * static_cast<double>(nodes); }};
  }

 private:
  bool loses_one_;
};

TEST(Launch, PlansEveryKindWithOneTenAndAHundredNodes) {
  std::set<std::pair<std::string, std::size_t>> keys;
  for (const LaunchPoint& point : plan_launches(TwoMicroseconds{}, Options{}))
    EXPECT_TRUE(keys.emplace(point.kind, point.nodes).second);
  EXPECT_EQ(keys.size(), 6U);
  EXPECT_EQ(keys.count({"second", 100}), 1U);
}

TEST(Launch, WritesTheTimeOfAllNodesTogether) {
  TwoMicroseconds device;
  std::ostringstream out;
  run_launch(device, Options{}, out);
  EXPECT_EQ(out.str().substr(0, 32), "op,kind,dtype,nodes,l2,latency_u");
  EXPECT_NE(out.str().find("\nlaunch,first,none,1,hot,7,7,7,7,"), std::string::npos);
  EXPECT_NE(out.str().find("\nlaunch,second,none,100,hot,205,205,205,205,"), std::string::npos);
}

TEST(Launch, SaysThatALaunchWasLost) {
  TwoMicroseconds device(true);
  std::ostringstream out;
  EXPECT_THROW(run_launch(device, Options{}, out), std::runtime_error);
}

}  // namespace
}  // namespace moesim::kernels
