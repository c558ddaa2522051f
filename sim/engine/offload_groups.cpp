#include "sim/engine/offload_groups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/engine/collective_epochs.hpp"

namespace moesim {
namespace {

struct Wire {
  std::string name;
  BytesPerSecond capacity{0}, of_copy{0};  ///< what it carries; what one copy asks for at most
  std::size_t depth = 0;
  int first_gpu = 0, last_gpu = 0;  ///< [first, last)
};

void add_switches(const ExpertMemoryConfig& config, int first, int last, std::vector<Wire>& wires) {
  const auto& tier = config.tiers.front();
  const auto step = static_cast<int>(config.gpus_per_link);
  for (int gpu = first; gpu < last; gpu += step)
    wires.push_back({fmt::format("{} {}", tier.name, gpu), tier.bandwidth, tier.bandwidth, 0, gpu,
                     std::min(gpu + step, last)});
}

void add_tiers(const ExpertMemoryConfig& config, int first, int last, std::vector<Wire>& wires) {
  auto of_copy = config.tiers.front().bandwidth;
  for (std::size_t t = 0; t < config.tiers.size(); ++t) {
    const auto& tier = config.tiers[t];
    of_copy = std::min(of_copy, tier.bandwidth);
    if (t == 0 && !tier.total_bandwidth) continue;
    wires.push_back({fmt::format("all of {} {}", tier.name, first),
                     tier.total_bandwidth.value_or(tier.bandwidth), of_copy, t, first, last});
  }
}

std::vector<Wire> wires_of(const ExpertMemoryConfig& config, const Layout& layout,
                           const Network& network) {
  std::vector<Wire> wires;
  for (int first = 0; first < layout.gpus(); first += network.gpus_per_node()) {
    const auto last = first + network.gpus_per_node();
    if (config.gpus_per_link > 1) add_switches(config, first, last, wires);
    add_tiers(config, first, last, wires);
  }
  return wires;
}

/// GPUs of every expert rank of a group that are on the wire [ranks].
std::vector<double> ranks_on(const Wire& wire, const Layout& layout, std::int64_t group,
                             std::int64_t ranks) {
  const auto split = layout.moe_tensor();
  const auto tensor = layout.degrees().tensor;
  std::vector<double> on(static_cast<std::size_t>(ranks), 0);
  for (std::int64_t i = 0; i < ranks * split; ++i) {
    const auto data = group * layout.data_per_group() + i / tensor;
    const int gpu = layout.gpu(0, data, i % tensor);
    if (gpu >= wire.first_gpu && gpu < wire.last_gpu) ++on[static_cast<std::size_t>(i / split)];
  }
  return on;
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

std::vector<OffloadGroup> offload_groups(const ExpertMemoryConfig& config, const Layout& layout,
                                         const Network& network, const MoeLayers& moe,
                                         std::vector<SharedLink>& links) {
  OffloadGroup alike;
  alike.ranks = moe.ranks();
  alike.split = layout.moe_tensor();
  alike.gpus_of_node = std::min<std::int64_t>(alike.ranks * alike.split, network.gpus_per_node());
  for (std::int64_t layer = 0; layer < moe.layers(); ++layer)
    alike.placed.push_back(&moe.placement(layer));
  std::vector<OffloadGroup> groups(static_cast<std::size_t>(layout.groups()), alike);
  for (std::size_t g = 0; g < groups.size(); ++g)
    groups[g].start = static_cast<double>(g) / static_cast<double>(groups.size());
  for (const auto& wire : wires_of(config, layout, network)) {
    std::vector<std::vector<double>> on;  // [groups][ranks]
    double users = 0, gpus = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      on.push_back(ranks_on(wire, layout, static_cast<std::int64_t>(g), alike.ranks));
      users += sum(on[g]) > 0 ? 1 : 0;
      gpus += sum(on[g]);
      if (sum(on[g]) * wire.of_copy > wire.capacity)
        groups[g].limits.push_back({wire.capacity, wire.depth, on[g]});
    }
    if (users < 2 || wire.depth > 0 || gpus * wire.of_copy <= wire.capacity) continue;
    if (links.empty()) links = simulated_links(network.links());
    links.push_back({wire.name, wire.capacity});
    for (std::size_t g = 0; g < groups.size(); ++g)
      if (sum(on[g]) > 0)
        groups[g].shared.push_back({static_cast<int>(links.size()) - 1, wire.capacity, on[g]});
  }
  return groups;
}

}  // namespace moesim
