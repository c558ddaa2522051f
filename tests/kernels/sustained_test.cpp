#include "kernels/sustained.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace moesim::kernels {
namespace {

/// Products of 1 Gflop: two a millisecond at first, one a millisecond once it is hot.
class Throttling final : public SustainedDevice {
 public:
  explicit Throttling(bool has_sensors) : has_sensors_(has_sensors) {}
  std::string name() const override { return "exact"; }
  std::string library() const override { return "none"; }
  SustainedPlan plan(bool short_mode) const override { return {0.1, 1, short_mode ? 1U : 3U}; }
  std::vector<std::string> dtypes() const override { return {"bf16", "fp8"}; }
  void prepare(const std::string&) override { seconds_ = 0; }
  double flop() const override { return 1e9; }
  bool hot() const override { return false; }
  std::string timer() const override { return "exact"; }
  std::size_t products_per_batch() const override { return 10; }
  double batch() override {
    const double batch_s = seconds_ < 0.099 ? 0.005 : 0.010;
    seconds_ += batch_s;
    return batch_s;
  }
  Sensors sensors() override {
    if (!has_sensors_) return {};
    if (seconds_ < 0.1) return {1980, 300, 40, 0};
    return {1400, 700, 40 + seconds_, 0x4};
  }

 private:
  bool has_sensors_;
  double seconds_ = 0;
};

std::vector<std::string> run(bool has_sensors) {
  Throttling device(has_sensors);
  std::ostringstream out;
  run_sustained(device, Options{}, out);
  std::istringstream in(out.str());
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Sustained, TellsTheBurstFromTheSecondsAfterIt) {
  const auto lines = run(true);
  ASSERT_EQ(lines.size(), 1U + 2 * (1 + 3));
  EXPECT_EQ(lines[0].substr(0, 30), "op,dtype,phase,second,l2,laten");
  EXPECT_EQ(lines[1].substr(0, 37), "sustained,bf16,burst,0,rotate,500,500");
  EXPECT_NE(lines[1].find(",2e+12,1"), std::string::npos) << lines[1];
  EXPECT_EQ(lines[2].substr(0, 43), "sustained,bf16,sustained,0,rotate,1000,1000");
  EXPECT_EQ(lines[4].substr(0, 43), "sustained,bf16,sustained,2,rotate,1000,1000");
  EXPECT_NE(lines[4].find(",1e+12,1400,700,43.0"), std::string::npos) << lines[4];
  EXPECT_EQ(lines[5].substr(0, 21), "sustained,fp8,burst,0");
}

TEST(Sustained, LeavesTheSensorsEmptyWhereThereAreNone) {
  const auto lines = run(false);
  for (std::size_t i = 1; i < lines.size(); ++i)
    EXPECT_EQ(lines[i].substr(lines[i].size() - 4), ",,,,") << lines[i];
}

TEST(SustainedWindow, TakesTheMeanOfClocksTheHottestAndEveryReason) {
  Window window;
  window.add(Sensors{1000, 100, 50, 0x4});
  window.add(Sensors{2000, 300, 45, 0x20});
  window.add(Sensors{});
  EXPECT_EQ(window.sensor_cells(),
            (std::vector<std::string>{"1500", "200", "50", "sw_power_cap+sw_thermal_slowdown"}));
}

}  // namespace
}  // namespace moesim::kernels
