#include "sim/cli/network_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "sim/core/csv.hpp"

namespace moesim {
namespace {

/// "leaf0-spine0x0.5": the two ends and what is left of the speed.
struct Degraded {
  std::string from, to;
  double speed = 1;
};

Degraded parse_degraded(const std::string& text, const std::string& where) {
  int leaf = 0, spine = 0;
  double speed = 1;
  if (std::sscanf(text.c_str(), "leaf%d-spine%dx%lf", &leaf, &spine, &speed) != 3)
    throw InputError(fmt::format("{}: '{}' is not of the form leaf0-spine0x0.5", where, text));
  return {fmt::format("leaf {}", leaf), fmt::format("spine {}", spine), speed};
}

/// Hosts of one NIC; fabrics of equal links.
ClusterConfig cluster_of(const NetworkRun& run) {
  ClusterConfig cluster;
  cluster.nodes = run.hosts;
  auto& node = cluster.node.node;
  node.gpus = node.nics = 1;
  node.nic_bandwidth = BytesPerSecond(run.link_bytes_per_s);
  node.nic_efficiency = 1;
  node.nic_latency = Seconds(0);
  const auto latency = fmt::format("{} us", run.link_latency_s * 1e6);
  std::string fabric;
  if (run.tiers == 2)
    fabric = fmt::format(
        "{{type: leaf-spine, nodes_per_leaf: {}, spines: {}, oversubscription: {}, link_latency: "
        "{}}}",
        run.hosts_per_leaf, run.spines,
        static_cast<double>(run.hosts_per_leaf) / static_cast<double>(run.spines), latency);
  else  // k-ary fat tree (Al-Fares et al., SIGCOMM 2008): k / 2 of everything
    fabric = fmt::format(
        "{{type: fat-tree, nodes_per_leaf: {0}, leaves_per_pod: {0}, aggregations: {0}, "
        "cores_per_aggregation: {0}, link_latency: {1}}}",
        run.hosts_per_leaf, latency);
  cluster.fabric = Value<Choice<Topology>>::read(parse_yaml(fabric, "runs.csv"));
  if (!run.degraded.empty()) {
    const auto bad = parse_degraded(run.degraded, "runs.csv");
    cluster.links.push_back({bad.from, bad.to, bad.speed, Seconds(0)});
  }
  return cluster;
}

NetworkRun run_of(const CsvTable& table, std::size_t row) {
  const auto text = [&](const char* name) {
    return std::string(table.cell(row, table.column(name)));
  };
  const auto whole = [&](const char* name) { return table.integer(row, table.column(name)); };
  const auto number = [&](const char* name) { return table.number(row, table.column(name)); };
  NetworkRun run;
  run.id = text("run_id");
  run.topology = text("topo_id");
  run.tiers = static_cast<int>(whole("tiers"));
  run.hosts = static_cast<int>(whole("hosts"));
  run.leaves = static_cast<int>(whole("leaves"));
  run.hosts_per_leaf = static_cast<int>(whole("hosts_per_leaf"));
  run.spines = static_cast<int>(whole("spines"));
  run.oversubscription = number("oversub");
  run.link_bytes_per_s = number("link_gbps") * 1e9 / 8;
  run.link_latency_s = number("link_lat_us") * 1e-6;
  run.degraded = text("degraded");
  if (!run.degraded.empty()) run.speed = parse_degraded(run.degraded, "runs.csv").speed;
  run.pattern = text("pattern");
  run.seed = text("pattern_seed");
  run.message_bytes = whole("msg_bytes");
  run.lb = text("lb");
  run.split = whole("k_split");
  run.wire = {Bytes(number("mtu_payload")), Bytes(number("wire_hdr")), true, true};
  run.complete = whole("n_finished") == whole("n_flows");
  run.time_s = number("cct_us") * 1e-6;
  run.fabric_key =
      fmt::format("{} {} {} {} {} {} {} {}", run.tiers, run.hosts, run.leaves, run.hosts_per_leaf,
                  run.spines, run.link_bytes_per_s, run.link_latency_s, run.degraded);
  return run;
}

}  // namespace

NetworkRuns::NetworkRuns(const std::string& folder) : folder_(folder) {
  const auto table = read_csv(folder + "/runs.csv");
  for (std::size_t row = 0; row < table.rows(); ++row) runs_.push_back(run_of(table, row));
  read_paths(folder + "/paths.csv.gz");
}

void NetworkRuns::read_paths(const std::string& file) {
  std::map<std::string, NetworkRun*, std::less<>> by_id;
  for (auto& run : runs_) by_id[run.id] = &run;
  const auto table = read_csv(file);
  const auto id = table.column("run_id"), from = table.column("src"), to = table.column("dst"),
             bytes = table.column("bytes"), path = table.column("spine");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto run = by_id.find(table.cell(row, id));
    if (run == by_id.end()) continue;
    RecordedFlow flow{static_cast<int>(table.integer(row, from)),
                      static_cast<int>(table.integer(row, to)), table.number(row, bytes), -1};
    if (!table.cell(row, path).empty()) flow.path = table.integer(row, path);
    run->second->recorded.push_back(flow);
  }
}

const Network& NetworkRuns::network(const NetworkRun& run) {
  auto& slot = networks_[run.fabric_key];
  if (!slot) slot = std::make_unique<Network>(cluster_of(run));
  return *slot;
}

std::optional<std::vector<Flow>> NetworkRuns::traffic(const NetworkRun& run) {
  std::vector<Flow> flows;
  const auto bytes = static_cast<double>(run.message_bytes);
  const auto shift = [&](int by) {
    for (int h = 0; h < run.hosts; ++h) flows.push_back({h, (h + by) % run.hosts, bytes});
  };
  if (run.pattern == "ring_shift1") shift(1);
  if (run.pattern == "ring_shiftleaf") shift(run.hosts_per_leaf);
  if (run.pattern == "a2a")
    for (int a = 0; a < run.hosts; ++a)
      for (int b = 0; b < run.hosts; ++b)
        if (a != b) flows.push_back({a, b, bytes});
  if (!flows.empty()) return flows;
  const auto fabric = run.tiers == 2 ? fmt::format("LS{}h{}", run.hosts, run.leaves)
                                     : run.topology.substr(0, run.topology.find("_deg"));
  const auto file =
      fmt::format("{}/matrices/{}_{}_{}.csv", folder_, run.pattern, fabric, run.message_bytes);
  if (!std::filesystem::exists(file)) return std::nullopt;
  const auto table = read_csv(file);
  const auto from = table.column("src"), to = table.column("dst"), size = table.column("bytes");
  for (std::size_t row = 0; row < table.rows(); ++row)
    flows.push_back({static_cast<int>(table.integer(row, from)),
                     static_cast<int>(table.integer(row, to)), table.number(row, size)});
  return flows;
}

}  // namespace moesim
