#include "sim/serving/kv_paths.hpp"

#include <algorithm>

namespace moesim {

KvPaths::KvPaths(const Pool& prefill, const Pool& decode)
    : prefill_(prefill), decode_(decode), links_(prefill.network.links()) {
  if (one_network()) return;
  const auto& more = decode.network.links();
  links_.insert(links_.end(), more.begin(), more.end());
}

// As many flows as the wider side has GPUs, so that everybody sends and receives the same.
std::vector<Flow> KvPaths::flows(std::int64_t prefill_rank, std::int64_t decode_rank,
                                 double bytes) const {
  const auto senders = prefill_.layout.degrees().tensor, takers = decode_.layout.degrees().tensor;
  const auto wider = std::max(senders, takers);
  const double each = flow_bytes(bytes);
  std::vector<Flow> flows;
  for (std::int64_t f = 0; f < wider; ++f)
    flows.push_back({prefill_.layout.gpu(0, prefill_rank, f * senders / wider),
                     decode_.layout.gpu(0, decode_rank, f * takers / wider), each});
  return flows;
}

double KvPaths::flow_bytes(double bytes) const {
  const auto senders = prefill_.layout.degrees().tensor, takers = decode_.layout.degrees().tensor;
  return bytes * static_cast<double>(takers) / static_cast<double>(std::max(senders, takers));
}

void KvPaths::load(std::int64_t prefill_rank, std::int64_t decode_rank, double bytes,
                   LinkLoads& loads, FlowList* list) const {
  const auto all = flows(prefill_rank, decode_rank, bytes);
  if (one_network()) return prefill_.network.send(all, loads, list);
  for (const auto& flow : all) {
    through_ports(prefill_, flow.source, true, flow.bytes, loads);
    through_ports(decode_, flow.target, false, flow.bytes, loads);
  }
}

Routes KvPaths::between_ports(std::int64_t prefill_rank, std::int64_t decode_rank,
                              double bytes) const {
  Routes routes;
  const auto all = flows(prefill_rank, decode_rank, bytes);
  const auto ports = [](const Pool& pool, int gpu) {
    return pool.network.fabric().ports(pool.network.endpoint_of(gpu));
  };
  for (std::size_t f = 0; f < all.size(); ++f) {
    const auto out = ports(prefill_, all[f].source), in = ports(decode_, all[f].target);
    for (const auto& from : out)
      for (const auto& to : in) {
        routes.pieces.push_back({static_cast<int>(f),
                                 all[f].bytes / static_cast<double>(out.size() * in.size()),
                                 routes.links.size(), 2});
        routes.links.push_back(prefill_.first_link + from.out);
        routes.links.push_back(decode_.first_link + to.in);
      }
  }
  return routes;
}

void KvPaths::through_ports(const Pool& pool, int gpu, bool out, double bytes,
                            LinkLoads& loads) const {
  const auto ports = pool.network.fabric().ports(pool.network.endpoint_of(gpu));
  for (const auto& port : ports)
    loads.add(pool.first_link + (out ? port.out : port.in),
              bytes / static_cast<double>(ports.size()));
}

Seconds KvPaths::latency(std::int64_t prefill_rank, std::int64_t decode_rank) const {
  if (!one_network())
    return std::max(prefill_.network.node().nic_latency, decode_.network.node().nic_latency);
  const auto& network = prefill_.network;
  Seconds latency(0);
  for (const auto& flow : flows(prefill_rank, decode_rank, 1)) {
    const bool inside = network.node_of(flow.source) == network.node_of(flow.target);
    latency =
        std::max(latency, inside ? network.node().island_latency : network.node().nic_latency);
  }
  return latency;
}

std::vector<int> KvPaths::fabric_links() const {
  LinkLoads loads(links_.size());
  for (std::int64_t p = 0; p < prefill_.layout.degrees().data; ++p)
    for (std::int64_t d = 0; d < decode_.layout.degrees().data; ++d) load(p, d, 1, loads);
  const auto of_prefill = static_cast<int>(prefill_.network.fabric().links().size());
  std::vector<int> crossed;
  for (const int link : loads.touched())
    if (!one_network() || link < of_prefill) crossed.push_back(link);
  return crossed;
}

}  // namespace moesim
