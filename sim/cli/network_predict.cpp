#include "sim/cli/network_predict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/transport/goodput.hpp"
#include "sim/transport/turns.hpp"

namespace moesim {
namespace {

const std::map<std::string, std::vector<double>, std::less<>>& factors() {
  static const std::map<std::string, std::vector<double>, std::less<>> table = {
      {"spray_perm", {0.975, 0.975, 0.880}},   {"spray_rand", {0.904, 0.960, 0.878}},
      {"adaptive_pkt", {0.923, 0.922, 0.866}}, {"switch_rr", {0.855, 0.934, 0.870}},
      {"plan_colour", {0.985, 0.971, 0.873}},  {"uec_bitmap", {0.901, 0.902, 0.936}},
      {"uec_mixed", {0.893, 0.908, 0.945}},    {"uec_oblivious", {0.858, 0.883, 0.958}},
      {"uec_reps", {0.830, 0.925, 0.954}},     {"uec_oblivious_ev1024", {0.909, 0.949, 0.935}},
      {"ecmp_single", {0.965, 0.923, 0.861}},  {"split_ecmp", {0.987, 0.969, 0.893}}};
  return table;
}

/// Ends within a thousandth make one wave, where there are more flows.
constexpr std::size_t kMergeFrom = 500;

std::unique_ptr<Transport> make_transport(const Network& network, const char* yaml) {
  return Value<Choice<Transport>>::read(parse_yaml(yaml, "transport")).make({network.paths(), 1});
}

/// The number that path sets give to the recorded path.
std::int64_t path_number(const Network& network, const NetworkRun& run, const RecordedFlow& flow) {
  if (flow.path < 0) return 0;
  if (run.tiers != 2) return flow.path;
  const auto wanted = fmt::format("spine {}", flow.path);
  const auto count = network.paths().count(flow.source, flow.target);
  std::vector<int> links;
  for (std::int64_t p = 0; p < count; ++p) {
    links.clear();
    network.paths().append_path(flow.source, flow.target, p, links);
    if (network.fabric().switch_name(network.fabric().ends(links[1]).to) == wanted) return p;
  }
  throw InputError(fmt::format("{}: no path over {} from host {} to host {}", run.id, wanted,
                               flow.source, flow.target));
}

/// The fabric as the run's scheme reaches it with these bytes; `factors` false: the fluid rate.
std::vector<Link> links_for(const Network& network, const NetworkRun& run, bool factors,
                            const LinkLoads& loads) {
  if (!factors) return network.links();
  const double nic = packet_goodput(run.lb, 1);
  auto links = reached_links(network, nic, packet_goodput(run.lb, run.oversubscription));
  reach_fully(network, nic, overcommitted(network, loads), links);
  return links;
}

/// Of the last flow under max-min sharing, not before the last turn.
Seconds completion(const Network& network, const NetworkRun& run, const SplitFlows& split,
                   const Routes& routes, const std::vector<Link>& links, double merge) {
  const auto times = flow_times(network, links, run.wire, routes, split, merge);
  return std::max(
      Seconds(*std::ranges::max_element(times)),
      step_latency(network, run.wire, split, 1) + turns_bound(network, run.wire, split, links));
}

}  // namespace

double packet_goodput(const std::string& scheme, double oversubscription) {
  const auto found = factors().find(scheme);
  return found == factors().end() ? 1 : goodput_at(found->second, oversubscription);
}

Seconds predict_transport(const Network& network, const NetworkRun& run,
                          std::span<const Flow> flows, const char* transport, bool factors) {
  const auto made = make_transport(network, transport);
  const auto split = split_flows(network, run.wire, flows);
  const auto* weight = made->even_spread();
  const auto routes =
      weight != nullptr ? spread_step(network, *weight, split) : route_step(network, *made, split);
  auto loads = network.loads();
  load_step(network, *made, split, loads);
  return completion(network, run, split, routes, links_for(network, run, factors, loads),
                    flows.size() > kMergeFrom ? 1e-3 : 0);
}

Seconds predict_bound(const Network& network, const NetworkRun& run, std::span<const Flow> flows,
                      const char* transport, bool factors) {
  const auto made = make_transport(network, transport);
  const auto split = split_flows(network, run.wire, flows);
  auto loads = network.loads();
  load_step(network, *made, split, loads);
  const auto links = links_for(network, run, factors, loads);
  return step_latency(network, run.wire, split, 1) +
         std::max(link_bound(loads, links), turns_bound(network, run.wire, split, links));
}

Seconds predict_replay(const Network& network, const NetworkRun& run, bool factors) {
  std::vector<Flow> flows;
  for (const auto& flow : run.recorded) flows.push_back({flow.source, flow.target, flow.bytes});
  const auto split = split_flows(network, run.wire, flows);
  Routes routes;
  for (std::size_t f = 0; f < flows.size(); ++f)
    routes.add(network.paths(), static_cast<int>(f), split.outside[f], split.outside[f].bytes,
               path_number(network, run, run.recorded[f]));
  auto loads = network.loads();
  routes.load(loads);
  return completion(network, run, split, routes, links_for(network, run, factors, loads), 0);
}

std::vector<double> predict_hashed(const Network& network, const NetworkRun& run,
                                   std::span<const Flow> flows, bool factors, int seeds) {
  const auto split = split_flows(network, run.wire, flows);
  const double latency = step_latency(network, run.wire, split, 1).value;
  auto loads = network.loads();
  std::vector<double> times;
  const auto choice = Value<Choice<Transport>>::read(
      parse_yaml(fmt::format("{{type: ecmp, queue_pairs: {}}}", run.split), "transport"));
  for (int seed = 0; seed < seeds; ++seed) {
    const auto made = choice.make({network.paths(), static_cast<std::uint64_t>(seed)});
    loads.clear();
    load_step(network, *made, split, loads);
    times.push_back(latency + link_bound(loads, links_for(network, run, factors, loads)).value);
  }
  return times;
}

}  // namespace moesim
