#include "sim/engine/collective_groups.hpp"

#include <algorithm>

namespace moesim {
namespace {

/// Of the slowest link on the first path.
BytesPerSecond slowest_link(const Network& network, int from, int to) {
  if (network.node_of(from) == network.node_of(to))
    return network.node().island_bandwidth * network.node().island_efficiency;
  std::vector<int> path;
  network.paths().append_path(network.endpoint_of(from), network.endpoint_of(to), 0, path);
  const auto capacity = [&](int link) {
    return network.links()[static_cast<std::size_t>(link)].capacity;
  };
  return capacity(*std::ranges::min_element(path, {}, capacity));
}

}  // namespace

PreparedCollective prepare_collective(const CollectiveEntry& entry, const Network& network,
                                      const Wire& wire, std::uint64_t seed) {
  PreparedCollective prepared;
  prepared.name = entry.name.empty() ? entry.collective.type : entry.name;
  prepared.start = entry.start;
  std::vector<int> gpus;
  if (entry.gpus)
    gpus.assign(entry.gpus->begin(), entry.gpus->end());
  else
    for (int g = 0; g < network.gpus(); ++g) gpus.push_back(g);
  const auto gpu = [&](int rank) { return gpus[static_cast<std::size_t>(rank)]; };
  prepared.ranks = static_cast<std::int64_t>(gpus.size());
  Collective::Context context;
  context.ranks = prepared.ranks;
  context.seed = seed;
  while (context.ranks_per_node < context.ranks &&
         network.node_of(gpu(static_cast<int>(context.ranks_per_node))) ==
             network.node_of(gpus.front()))
    ++context.ranks_per_node;
  context.bandwidth = [&](int from, int to) { return slowest_link(network, gpu(from), gpu(to)); };
  try {
    prepared.steps = entry.collective.make(context)->steps();
  } catch (const InputError& error) {
    if (error.placed()) throw;
    throw InputError(entry.collective.where, error.what());
  }
  for (auto& step : prepared.steps) {
    for (auto& flow : step.flows) flow = {gpu(flow.source), gpu(flow.target), flow.bytes};
    prepared.split.push_back(split_flows(network, wire, step.flows));
  }
  return prepared;
}

}  // namespace moesim
