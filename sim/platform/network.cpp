#include "sim/platform/network.hpp"

#include <fmt/format.h>

#include <cassert>

namespace moesim {
namespace {

/// Factor 0 takes the link out before the paths are found. Events in mid-run are not for here.
void apply_conditions(const ClusterConfig& cluster, Fabric& fabric) {
  for (const auto& condition : cluster.links) {
    if (condition.at > Seconds(0)) continue;
    try {
      for (const int link : fabric.between(condition.from, condition.to))
        fabric.slow_down(link, condition.speed);
    } catch (const InputError& error) {
      throw InputError(cluster.fabric.where, fmt::format("cluster.links: {}", error.what()));
    }
  }
}

}  // namespace

Network::Network(const ClusterConfig& cluster, const Choice<Transport>& transport,
                 std::uint64_t seed)
    : nodes_(static_cast<int>(cluster.nodes)),
      per_node_(static_cast<int>(cluster.node.node.gpus)),
      nics_(static_cast<int>(cluster.node.node.nics)),
      profile_(cluster.node.node),
      fabric_(std::make_unique<Fabric>()) {
  assert(nodes_ == 1 || nics_ > 0);
  const Topology::Context context{cluster.nodes, profile_.nics, cluster.nic_ports,
                                  profile_.nic_bandwidth * profile_.nic_efficiency,
                                  profile_.nic_efficiency};
  add_nics(context, *fabric_);
  const auto topology = cluster.fabric.make(context);
  if (nics_ > 0) {
    try {
      topology->build(*fabric_);
    } catch (const InputError& error) {
      if (error.placed()) throw;
      throw InputError(cluster.fabric.where, error.what());
    }
  }
  apply_conditions(cluster, *fabric_);
  paths_ = std::make_unique<PathSets>(*fabric_);
  try {
    for (int e = 1; e < fabric_->endpoints(); ++e)
      if (paths_->count(e, 0) == 0) paths_->no_path(e, 0);
  } catch (const InputError& error) {
    throw InputError(cluster.fabric.where, error.what());
  }
  transport_ = transport.make({*paths_, seed});
  links_ = fabric_->links();
  first_island_ = static_cast<int>(links_.size());
  const BytesPerSecond port = profile_.island_bandwidth * profile_.island_efficiency;
  for (int gpu = 0; gpu < gpus(); ++gpu) {
    links_.push_back({fmt::format("gpu {} island out", gpu), port});
    links_.push_back({fmt::format("gpu {} island in", gpu), port});
  }
  for (int e = 0; e < fabric_->endpoints(); ++e) {
    node_of_endpoint_.push_back(e / nics_);
    if (!fabric_->ports(e).empty() && !fabric_->ports(e - e % nics_).empty())
      spans_ = spans_ || fabric_->ports(e).front().at != fabric_->ports(e - e % nics_).front().at;
  }
}

int Network::endpoint_of(int gpu) const {
  const int local = gpu % per_node_;
  return node_of(gpu) * nics_ +
         static_cast<int>(static_cast<std::int64_t>(local) * nics_ / per_node_);
}

void Network::send(int from, int to, double bytes, LinkLoads& loads, FlowList* list) const {
  const Flow flow{from, to, bytes};
  send(std::span(&flow, 1), loads, list);
}

void Network::send(std::span<const Flow> between_gpus, LinkLoads& loads, FlowList* list) const {
  std::vector<Flow> outside;
  for (const auto& flow : between_gpus) {
    if (flow.source == flow.target || flow.bytes <= 0) continue;
    if (node_of(flow.source) == node_of(flow.target)) {
      island_out(flow.source, flow.bytes, loads);
      island_in(flow.target, flow.bytes, loads);
      if (list != nullptr) list->add_inside(flow.source, flow.target, flow.bytes);
    } else {
      outside.push_back({endpoint_of(flow.source), endpoint_of(flow.target), flow.bytes});
    }
  }
  if (outside.empty()) return;
  transport_->load(outside, loads);
  if (list == nullptr) return;
  std::vector<double> one(outside.size(), 1);
  list->outside.push_back({std::move(outside), std::move(one)});
}

void Network::send_product(std::span<const double> out, std::span<const double> share,
                           LinkLoads& loads, FlowList* list) const {
  std::vector<double> nic_out(node_of_endpoint_.size(), 0), nic_share(nic_out), senders(nic_out),
      takers(nic_out);
  for (int gpu = 0; gpu < gpus(); ++gpu) {
    const auto e = static_cast<std::size_t>(endpoint_of(gpu));
    nic_out[e] += out[static_cast<std::size_t>(gpu)];
    nic_share[e] += share[static_cast<std::size_t>(gpu)];
    senders[e] += out[static_cast<std::size_t>(gpu)] > 0 ? 1 : 0;
    takers[e] += share[static_cast<std::size_t>(gpu)] > 0 ? 1 : 0;
  }
  const auto* weight = transport_->even_spread();
  if (weight != nullptr)
    paths_->spread_product(nic_out, nic_share, node_of_endpoint_, *weight, loads);
  if (weight != nullptr && list == nullptr) return;
  std::vector<Flow> flows;
  std::vector<double> stand_for;
  for (std::size_t a = 0; a < nic_out.size(); ++a)
    for (std::size_t b = 0; b < nic_out.size(); ++b)
      if (node_of_endpoint_[a] != node_of_endpoint_[b] && nic_out[a] * nic_share[b] > 0) {
        flows.push_back({static_cast<int>(a), static_cast<int>(b), nic_out[a] * nic_share[b]});
        stand_for.push_back(senders[a] * takers[b]);
      }
  if (weight == nullptr) transport_->load(flows, loads);
  if (list != nullptr && !flows.empty())
    list->outside.push_back({std::move(flows), std::move(stand_for)});
}

}  // namespace moesim
