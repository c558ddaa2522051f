#include "sim/transport/step_time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

namespace moesim {

SplitFlows split_flows(const Network& network, const Wire& wire, std::span<const Flow> flows) {
  SplitFlows split;
  for (std::size_t f = 0; f < flows.size(); ++f) {
    const auto& flow = flows[f];
    const double bytes = wire.bytes(flow.bytes);
    if (network.node_of(flow.source) == network.node_of(flow.target)) {
      split.inside.push_back({flow.source, flow.target, bytes});
      split.inside_of.push_back(static_cast<int>(f));
      continue;
    }
    split.outside.push_back(
        {network.endpoint_of(flow.source), network.endpoint_of(flow.target), bytes});
    split.outside_of.push_back(static_cast<int>(f));
  }
  return split;
}

void load_step(const Network& network, const Transport& transport, const SplitFlows& flows,
               LinkLoads& loads) {
  for (const auto& flow : flows.inside) {
    network.island_out(flow.source, flow.bytes, loads);
    network.island_in(flow.target, flow.bytes, loads);
  }
  if (!flows.outside.empty()) transport.load(flows.outside, loads);
}

Seconds fabric_latency(const Network& network, const Wire& wire, int source, int target) {
  std::vector<int> path;
  network.paths().append_path(source, target, 0, path);
  return network.node().nic_latency + wire.latency(path, network.links());
}

Seconds step_latency(const Network& network, const Wire& wire, const SplitFlows& flows,
                     std::int64_t start_ups) {
  Seconds latency(0);
  if (!flows.inside.empty()) latency = network.node().island_latency;
  // Flows between the same two switches have the same latency.
  std::set<std::pair<int, int>> seen;
  std::pair<int, int> last{-1, -1};
  for (const auto& flow : flows.outside) {
    const std::pair ends{network.fabric().ports(flow.source).front().at,
                         network.fabric().ports(flow.target).front().at};
    if (ends == last) continue;
    last = ends;
    if (seen.insert(ends).second)
      latency = std::max(latency, fabric_latency(network, wire, flow.source, flow.target));
  }
  return latency * static_cast<double>(start_ups);
}

void check_simulated_flows(std::size_t flows) {
  constexpr std::size_t most = 50'000;
  if (flows > most)
    throw InputError(
        fmt::format("fidelity pairwise: {} flows at once are too many to simulate one "
                    "by one (at most {}); use aggregate or analytic",
                    flows, most));
}

Routes route_step(const Network& network, const Transport& transport, const SplitFlows& flows,
                  const LinkLoads* under_way) {
  Routes routes;
  if (!flows.outside.empty() && under_way != nullptr)
    transport.route_beside(flows.outside, *under_way, routes);
  else if (!flows.outside.empty())
    transport.route(flows.outside, routes);
  for (auto& piece : routes.pieces)
    piece.flow = flows.outside_of[static_cast<std::size_t>(piece.flow)];
  LinkLoads probe = network.loads();
  for (std::size_t i = 0; i < flows.inside.size(); ++i) {
    const auto& flow = flows.inside[i];
    Routes::Piece piece{flows.inside_of[i], flow.bytes, routes.links.size(), 2};
    probe.clear();
    network.island_out(flow.source, 1, probe);
    network.island_in(flow.target, 1, probe);
    routes.links.insert(routes.links.end(), probe.touched().begin(), probe.touched().end());
    routes.pieces.push_back(piece);
  }
  return routes;
}

Routes spread_step(const Network& network, PathWeight weight, const SplitFlows& flows) {
  Routes routes;
  LinkLoads unit = network.loads();
  const auto add = [&](int flow, double bytes) {
    Routes::Piece piece{flow, bytes, routes.links.size(), unit.touched().size()};
    for (const int link : unit.touched()) {
      routes.links.push_back(link);
      routes.shares.push_back(unit.bytes(link));
    }
    routes.pieces.push_back(piece);
    unit.clear();
  };
  for (std::size_t i = 0; i < flows.outside.size(); ++i) {
    const Flow one{flows.outside[i].source, flows.outside[i].target, 1};
    network.paths().spread(std::span(&one, 1), weight, unit);
    add(flows.outside_of[i], flows.outside[i].bytes);
  }
  for (std::size_t i = 0; i < flows.inside.size(); ++i) {
    network.island_out(flows.inside[i].source, 1, unit);
    network.island_in(flows.inside[i].target, 1, unit);
    add(flows.inside_of[i], flows.inside[i].bytes);
  }
  return routes;
}

std::vector<Link> reached_links(const Network& network, double nic_goodput, double core_goodput) {
  auto links = network.links();
  for (std::size_t l = 0; l < network.fabric().links().size(); ++l) {
    const auto ends = network.fabric().ends(static_cast<int>(l));
    links[l].capacity *= ends.from >= 0 && ends.to >= 0 ? core_goodput : nic_goodput;
  }
  return links;
}

std::vector<Link> reached_links(const Network& network, const Transport& transport) {
  return reached_links(network, transport.goodput(1),
                       transport.goodput(network.fabric().oversubscription()));
}

std::vector<char> overcommitted(const Network& network, const LinkLoads& loads) {
  const auto& links = network.links();
  const auto seconds = [&](int link) {
    return loads.bytes(link) / links[static_cast<std::size_t>(link)].capacity.value;
  };
  double sending = std::numeric_limits<double>::infinity();
  for (int e = 0; e < network.fabric().endpoints(); ++e)
    for (const auto& port : network.fabric().ports(e))
      if (loads.bytes(port.out) > 0) sending = std::min(sending, seconds(port.out));
  std::vector<char> over(links.size(), 0);
  for (const int link : loads.touched())
    over[static_cast<std::size_t>(link)] = seconds(link) > sending * (1 + 1e-9);
  return over;
}

std::vector<Link> reached_links(const Network& network, const Transport& transport,
                                const LinkLoads& loads) {
  auto links = reached_links(network, transport);
  const double nic = transport.goodput(1);
  if (nic != transport.goodput(network.fabric().oversubscription()))
    reach_fully(network, nic, overcommitted(network, loads), links);
  return links;
}

void reach_fully(const Network& network, double nic_goodput, const std::vector<char>& overcommitted,
                 std::vector<Link>& links) {
  for (std::size_t l = 0; l < network.fabric().links().size(); ++l)
    if (overcommitted[l] == 0) links[l].capacity = network.links()[l].capacity * nic_goodput;
}

std::vector<double> flow_times(const Network& network, const std::vector<Link>& links,
                               const Wire& wire, const Routes& routes, const SplitFlows& flows,
                               double merge) {
  std::vector<FluidPiece> pieces;
  for (const auto& piece : routes.pieces) {
    pieces.push_back({routes.path(piece), piece.bytes});
    if (!routes.shares.empty())
      pieces.back().shares = {routes.shares.data() + piece.first_link, piece.links};
  }
  const auto times = max_min_times(links, pieces, {.merge = merge});
  std::vector<double> of_flow(flows.inside.size() + flows.outside.size(), 0);
  for (std::size_t p = 0; p < pieces.size(); ++p) {
    auto& time = of_flow[static_cast<std::size_t>(routes.pieces[p].flow)];
    time = std::max(time, times.finish_s[p]);
  }
  for (const int f : flows.inside_of)
    of_flow[static_cast<std::size_t>(f)] += network.node().island_latency.value;
  for (std::size_t i = 0; i < flows.outside.size(); ++i)
    of_flow[static_cast<std::size_t>(flows.outside_of[i])] +=
        fabric_latency(network, wire, flows.outside[i].source, flows.outside[i].target).value;
  return of_flow;
}

}  // namespace moesim
