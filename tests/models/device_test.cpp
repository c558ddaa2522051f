#include "models/device/device.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "models/device/catalogue.hpp"
#include "models/device/node_profile.hpp"

namespace moesim {
namespace {

const std::string device_folder = MOESIM_SOURCE_DIR "/models/device";
const std::string node_folder = MOESIM_SOURCE_DIR "/models/device/nodes";

std::string message_of(const auto& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(DeviceCatalogue, HoldsEveryPromisedDevice) {
  const std::vector<std::string> promised = {
      "a100-sxm-80gb", "a40",      "a6000",    "b200-sxm", "gb200",
      "h100-sxm",      "h200-sxm", "h800-sxm", "rtx-4090", "rtx-pro-6000-blackwell"};
  EXPECT_EQ(description_names(device_folder), promised);
}

TEST(DeviceCatalogue, GivesASourceForEveryNumberOfEveryFile) {
  for (const auto& directory : {device_folder, node_folder})
    for (const auto& name : description_names(directory)) {
      const auto description = read_description(directory + "/" + name + ".yaml");
      EXPECT_EQ(description.name, name);
      auto missing = description.without_source();
      std::erase(missing, "vendor");  // a word, not a number
      EXPECT_TRUE(missing.empty()) << name << ": no source for " << missing.front();
    }
}

TEST(DeviceCatalogue, GivesNoNameOrAliasToTwoFiles) {
  for (const auto& directory : {device_folder, node_folder}) {
    std::vector<std::string> spellings;
    for (const auto& name : description_names(directory)) {
      const auto description = read_description(directory + "/" + name + ".yaml");
      spellings.push_back(name);
      for (const auto& alias : description.aliases) spellings.push_back(alias);
    }
    std::ranges::sort(spellings);
    const auto twice = std::ranges::adjacent_find(spellings);
    EXPECT_EQ(twice, spellings.end()) << *twice;
  }
}

TEST(DeviceCatalogue, FindsAnAliasInAnyCaseAndWithUnderscores) {
  EXPECT_EQ(load_device(device_folder, "H100_SXM").name, "h100-sxm");
  EXPECT_EQ(load_device(device_folder, "h200").name, "h200-sxm");
  EXPECT_EQ(load_device(device_folder, "B200_sxm").name, "b200-sxm");
  EXPECT_EQ(load_device(device_folder, "rtx_pro_6000_server").name, "rtx-pro-6000-blackwell");
  EXPECT_EQ(load_node(node_folder, "DGX-H100").name, "hgx-h100");
}

TEST(DeviceCatalogue, NamesTheNearestDeviceForAnUnknownOne) {
  const auto text = message_of([] { load_device(device_folder, "h101", {"s.yaml", 3, 7}); });
  EXPECT_NE(text.find("s.yaml:3:7: unknown device 'h101'; did you mean 'h100-sxm'?"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("rtx-4090"), std::string::npos) << text;
  const auto far = message_of([] { load_device(device_folder, "abacus-of-the-ancients"); });
  EXPECT_EQ(far.find("did you mean"), std::string::npos) << far;
  EXPECT_NE(far.find("(valid: "), std::string::npos) << far;
}

TEST(DeviceCatalogue, RefusesASourceOfAFieldThatTheFileLacks) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "device_source.yaml";
  FILE* file = fopen(path.c_str(), "w");
  fputs("name: x\nmemory: 1 GiB\nsources:\n  memroy: somewhere\n", file);
  fclose(file);
  const auto text = message_of([&] { read_description(path); });
  EXPECT_NE(text.find(":4:3: unknown key 'memroy'; did you mean 'memory'?"), std::string::npos)
      << text;
}

TEST(Device, BandwidthIsPerDirection) {
  // Data sheets: NVLink4 900 GB/s and H800 400 GB/s count both directions.
  EXPECT_DOUBLE_EQ(load_device(device_folder, "h100-sxm").scale_up->value, 450e9);
  EXPECT_DOUBLE_EQ(load_device(device_folder, "h800-sxm").scale_up->value, 200e9);
  EXPECT_DOUBLE_EQ(load_device(device_folder, "a100-sxm-80gb").scale_up->value, 300e9);
  EXPECT_FALSE(load_device(device_folder, "rtx-4090").scale_up.has_value());
}

TEST(Device, RatesAreDense) {
  // The H100 data sheet prints 1979 and 3958 TFLOPS for BF16 and FP8, "with sparsity".
  const auto h100 = load_device(device_folder, "h100-sxm");
  EXPECT_NEAR(h100.peak(MathFormat::kBf16).rate.value, 1979e12 / 2, 1e12);
  EXPECT_NEAR(h100.peak(MathFormat::kFp8).rate.value, 3958e12 / 2, 1e12);
}

TEST(Device, FallsBackToTheNextWiderFormatItHas) {
  const auto a100 = load_device(device_folder, "a100-sxm-80gb");
  EXPECT_EQ(a100.peak(MathFormat::kFp4).used, MathFormat::kBf16);
  EXPECT_EQ(a100.peak(MathFormat::kFp8).used, MathFormat::kBf16);
  EXPECT_EQ(a100.peak(MathFormat::kInt8).used, MathFormat::kInt8);
  EXPECT_EQ(load_device(device_folder, "h100-sxm").peak(MathFormat::kFp4).used, MathFormat::kFp8);
  EXPECT_EQ(load_device(device_folder, "b200-sxm").peak(MathFormat::kFp4).used, MathFormat::kFp4);
}

TEST(Device, ANarrowerFormatIsNeverSlowerOnTheShippedDevices) {
  for (const auto& name : description_names(device_folder)) {
    const auto device = load_device(device_folder, name);
    const auto rate = [&](MathFormat format) { return device.peak(format).rate; };
    EXPECT_LE(rate(MathFormat::kFp32), rate(MathFormat::kBf16)) << name;
    EXPECT_EQ(rate(MathFormat::kFp16), rate(MathFormat::kBf16)) << name;
    EXPECT_LE(rate(MathFormat::kBf16), rate(MathFormat::kFp8)) << name;
    EXPECT_LE(rate(MathFormat::kFp8), rate(MathFormat::kFp4)) << name;
    EXPECT_LE(rate(MathFormat::kBf16), rate(MathFormat::kInt8)) << name;
  }
}

TEST(Device, RefusesADeviceWithoutAnyWideRate) {
  const auto node = parse_yaml(
      "{memory: 1 GiB, memory_bandwidth: 1 GB/s, sms: 1, pcie: 1 GB/s, flops: {int8: 1 TFLOP/s}}",
      "d.yaml");
  const auto text = message_of([&] { Device::parameters().read(node); });
  EXPECT_NE(text.find("d.yaml:1:"), std::string::npos) << text;
  EXPECT_NE(text.find("bf16"), std::string::npos) << text;
}

TEST(NodeProfile, AgreesWithItsDevice) {
  for (const auto& name : description_names(node_folder)) {
    const auto node = load_node(node_folder, name);
    const auto device = load_device(device_folder, node.device);
    const auto link = node.island == Island::kNvlink ? device.scale_up.value() : device.pcie;
    EXPECT_EQ(node.island_bandwidth, link) << name;
    EXPECT_LE(node.host_bandwidth, device.pcie) << name;
    // The adapters of the node amount to the share per GPU that the device names.
    const double per_gpu = static_cast<double>(node.nics) / static_cast<double>(node.gpus);
    EXPECT_DOUBLE_EQ(node.nic_bandwidth.value * per_gpu, device.nic.value) << name;
  }
}

TEST(NodeProfile, HoldsTheRackAsOneNvlinkDomain) {
  const auto rack = load_node(node_folder, "gb200-nvl72");
  EXPECT_EQ(rack.gpus, 72);
  EXPECT_EQ(rack.island, Island::kNvlink);
}

TEST(NodeProfile, TakesOverridesFieldByField) {
  const auto base = load_node(node_folder, "hgx-h200");
  const auto node = override_node(base, parse_yaml("{gpus: 4, nic_bandwidth: 25 GB/s}", "s.yaml"));
  EXPECT_EQ(node.gpus, 4);
  EXPECT_DOUBLE_EQ(node.nic_bandwidth.value, 25e9);
  EXPECT_EQ(node.name, "hgx-h200");
  EXPECT_EQ(node.island_latency, base.island_latency);
  EXPECT_EQ(node.host_memory, base.host_memory);
}

TEST(NodeProfile, RefusesABadOverrideAtItsPlace) {
  const auto base = load_node(node_folder, "hgx-h200");
  const auto unknown =
      message_of([&] { override_node(base, parse_yaml("nic_bandwith: 25 GB/s\n", "s.yaml")); });
  EXPECT_NE(unknown.find("s.yaml:1:1: unknown key 'nic_bandwith'; did you mean 'nic_bandwidth'?"),
            std::string::npos)
      << unknown;
  const auto bare = message_of(
      [&] { override_node(base, parse_yaml("gpus: 4\nnic_bandwidth: 25\n", "s.yaml")); });
  EXPECT_NE(bare.find("s.yaml:2:16"), std::string::npos) << bare;
  const auto zero = message_of([&] { override_node(base, parse_yaml("gpus: 0\n", "s.yaml")); });
  EXPECT_NE(zero.find("s.yaml:1:7"), std::string::npos) << zero;
}

}  // namespace
}  // namespace moesim
