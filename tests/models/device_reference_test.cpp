// The shipped devices and nodes against the reference data: third-party device descriptions and
// measured collectives.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

#include "models/device/catalogue.hpp"
#include "sim/core/text_file.hpp"

namespace moesim {
namespace {

const std::string devices = MOESIM_SOURCE_DIR "/models/device";
const std::string nodes = MOESIM_SOURCE_DIR "/models/device/nodes";

std::string reference_data() {
  const char* given = std::getenv("MOESIM_REFERENCE_DATA");
  return given != nullptr ? given : MOESIM_SOURCE_DIR "/../shared/data";
}

class ReferenceDevices : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(reference_data() + "/devices"))
      GTEST_SKIP() << "no reference data in " << reference_data() << " (set MOESIM_REFERENCE_DATA)";
  }
};

double number_at(const Node& document, const std::string& section, const std::string& key) {
  return read_number(*document.find(section)->find(key));
}

TEST_F(ReferenceDevices, AgreeWithin5PercentOrDifferForAStatedReason) {
  // Where we follow the vendor's page and the third party does not.
  const std::map<std::string, std::string> justified = {
      {"b200-sxm.node.inter_node_bw",
       "they assume ConnectX-8 800 Gbit/s; DGX B200 ships ConnectX-7 400 Gbit/s"},
      {"gb200.node.pcie_bw", "they give PCIe; the host of a GB200 is behind NVLink-C2C"},
      {"rtx-pro-6000-blackwell.gpu.mem_bw",
       "they give the Workstation Edition's 1792 GB/s; the Server Edition has 1597"},
      {"rtx-pro-6000-blackwell.node.inter_node_bw",
       "theirs is a placeholder of 400 Gbit/s per GPU, by its own comment"},
  };
  const std::map<std::string, std::string> files = {
      {"a100-sxm-80gb", "a100_sxm"},
      {"h100-sxm", "h100_sxm"},
      {"h200-sxm", "h200_sxm"},
      {"b200-sxm", "b200_sxm"},
      {"gb200", "gb200"},
      {"rtx-pro-6000-blackwell", "rtx_pro_6000_server"}};
  std::size_t used = 0;
  for (const auto& [name, file] : files) {
    const auto device = load_device(devices, name);
    const auto document = read_yaml(reference_data() + "/devices/" + file + ".yaml");
    std::map<std::string, double> ours = {
        {"gpu.mem_bw", device.memory_bandwidth.value},
        {"gpu.mem_capacity", device.memory.value},
        {"gpu.bfloat16_tc_flops", device.peak(MathFormat::kBf16).rate.value},
        {"gpu.int8_tc_flops", device.peak(MathFormat::kInt8).rate.value},
        {"gpu.power", device.power_w},
        {"node.pcie_bw", device.pcie.value},
        {"node.inter_node_bw", device.nic.value},
        {"node.intra_node_bw", device.scale_up.value_or(device.pcie).value}};
    if (device.flops.fp8) ours["gpu.fp8_tc_flops"] = device.flops.fp8->value;
    if (device.flops.fp4) ours["gpu.fp4_tc_flops"] = device.flops.fp4->value;
    if (name == "gb200") {  // there a node is a tray of four and the rack is one NVLink domain
      ours["node.inter_node_bw"] = device.scale_up->value;
    }
    for (const auto& [key, value] : ours) {
      const auto dot = key.find('.');
      const double theirs = number_at(document, key.substr(0, dot), key.substr(dot + 1));
      const bool listed = justified.contains(name + "." + key);
      used += listed;
      if (listed) {
        EXPECT_GT(std::abs(value / theirs - 1), 0.05)
            << name << "." << key << ": no longer differs, unlist it";
      } else {
        EXPECT_NEAR(value / theirs, 1, 0.05)
            << name << "." << key << ": ours " << value << ", theirs " << theirs;
      }
    }
  }
  EXPECT_EQ(used, justified.size());
}

/// {(operation, GPUs) -> {message size in elements -> latency in ms}} of 16-bit rows.
using Table = std::map<std::pair<std::string, int>, std::map<double, double>>;

Table read_table(const std::string& file) {
  std::istringstream text(read_text_file(reference_data() + "/comm/" + file));
  std::string line;
  std::getline(text, line);
  const bool nccl = line.starts_with("op_name");
  Table table;
  while (std::getline(text, line)) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    const auto& dtype = cells[nccl ? 2 : 1];
    if (dtype != "half" && dtype != "bfloat16") continue;
    const std::size_t gpus = nccl ? 3 : 2;
    table[{nccl ? cells[0] : "all_reduce", std::stoi(cells[gpus])}][std::stod(cells[gpus + 1])] =
        std::stod(cells[gpus + 2]);
  }
  return table;
}

double small_latency_s(const Table& table, const std::string& operation, int gpus) {
  return table.at({operation, gpus}).begin()->second * 1e-3;
}

/// `passes`: how often a byte of the message crosses a GPU's link, in (n-1)/n. Two bytes per
/// element.
double efficiency(const Table& table, const std::string& operation, int gpus, double passes,
                  double bandwidth) {
  const auto& [elements, latency_ms] = *table.at({operation, gpus}).rbegin();
  return passes * (gpus - 1) / gpus * elements * 2 / (latency_ms * 1e-3) / bandwidth;
}

TEST_F(ReferenceDevices, NodesCarryTheLatencyAndEfficiencyOfTheMeasuredCollectives) {
  struct Row {
    std::string node, nccl, all_reduce;
    int gpus;
  };
  const std::vector<Row> rows = {
      {"hgx-h100", "h100_sxm.nccl-2.29.2.csv", "h100_sxm.trtllm-1.3.0rc20.custom_allreduce.csv", 8},
      {"hgx-h200", "h200_sxm.nccl-2.29.2.csv", "h200_sxm.trtllm-1.3.0rc20.custom_allreduce.csv", 8},
      {"hgx-b200", "b200_sxm.nccl-2.29.2.csv", "b200_sxm.trtllm-1.3.0rc20.custom_allreduce.csv", 8},
      {"gb200-nvl72", "gb200.nccl-2.29.2.csv", "gb200.nccl-2.29.2.csv", 4}};
  for (const auto& row : rows) {
    const auto node = load_node(nodes, row.node);
    const double bandwidth = node.island_bandwidth.value;
    const auto nccl = read_table(row.nccl);
    const auto reduce = read_table(row.all_reduce);
    EXPECT_NEAR(node.island_latency.value, small_latency_s(nccl, "alltoall", row.gpus), 0.1e-6)
        << row.node;
    EXPECT_NEAR(node.island_efficiency, efficiency(nccl, "alltoall", row.gpus, 1, bandwidth), 0.01)
        << row.node;
    EXPECT_NEAR(node.all_reduce_efficiency,
                efficiency(reduce, "all_reduce", row.gpus, 2, bandwidth), 0.01)
        << row.node;
    if (row.gpus == 8) {
      EXPECT_NEAR(node.all_reduce_latency.value, small_latency_s(reduce, "all_reduce", 8), 0.1e-6)
          << row.node;
    }
  }
}

}  // namespace
}  // namespace moesim
