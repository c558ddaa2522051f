#include "kernels/device_probe.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "kernels/nvml.hpp"

namespace moesim::kernels {
namespace {

TEST(DeviceProbe, WritesOneRowForEveryPropertyThatIsKnown) {
  Properties properties;
  properties.add("name", "a GPU, fast");
  properties.add("sms", 132);
  properties.add("l2_bytes", std::size_t{52428800});
  properties.add("p2p_0_1", true);
  properties.add("power_w", std::optional<double>(71.25));
  properties.add("ecc", std::optional<bool>());
  properties.add("nccl", "");
  std::ostringstream out;
  write_properties(properties, out);
  EXPECT_EQ(out.str(),
            "op,property,value\n"
            "device_probe,name,\"a GPU, fast\"\n"
            "device_probe,sms,132\n"
            "device_probe,l2_bytes,52428800\n"
            "device_probe,p2p_0_1,1\n"
            "device_probe,power_w,71.25\n");
}

TEST(DeviceProbe, RefusesAPropertyThatIsThereAlready) {
  Properties properties;
  properties.add("sms", 132);
  EXPECT_THROW(properties.add("sms", 131), std::logic_error);
}

TEST(DeviceProbe, KnowsTheHostItRunsOn) {
  Properties properties;
  add_host(properties);
  const auto value = [&](const std::string& name) -> std::string {
    for (const auto& [key, text] : properties.rows())
      if (key == name) return text;
    return "";
  };
  EXPECT_EQ(value("host_system"), "Linux");
  EXPECT_GE(std::stoi(value("host_cores")), 1);
  EXPECT_GT(std::stod(value("host_memory_bytes")), 64e6);
  EXPECT_NE(value("host_kernel"), "");
}

TEST(Nvml, IsSilentWithoutTheLibrary) {
  const Nvml nvml("0000:01:00.0", "libthere-is-no-such-library.so.1");
  EXPECT_FALSE(nvml.available());
  EXPECT_FALSE(nvml.power_w());
  EXPECT_FALSE(nvml.ecc());
  EXPECT_FALSE(nvml.throttle_reasons());
  EXPECT_FALSE(nvml.driver_version());
  EXPECT_FALSE(nvml.clock_mhz(Nvml::Clock::kSm));
}

TEST(Nvml, IsSilentWithALibraryThatHasNoneOfItsFunctions) {
  const Nvml nvml("0000:01:00.0", "libc.so.6");
  EXPECT_FALSE(nvml.available());
  EXPECT_FALSE(nvml.temperature_c());
  EXPECT_FALSE(nvml.pcie_width());
}

TEST(Nvml, NamesEveryReasonForLowClocks) {
  EXPECT_EQ(throttle_names(0), "none");
  EXPECT_EQ(throttle_names(0x4), "sw_power_cap");
  EXPECT_EQ(throttle_names(0x24), "sw_power_cap+sw_thermal_slowdown");
  EXPECT_EQ(throttle_names(0x1400), "5120") << "bits without a name are not lost";
}

}  // namespace
}  // namespace moesim::kernels
