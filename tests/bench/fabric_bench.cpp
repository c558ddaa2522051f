// Fabrics: one all-to-all by link loads, on SimGrid and by the max-min solver, and the path sets of
// large fabrics. Peers, for the same questions: packet-level simulation of an all-to-all of 64
// hosts 2.3 s and of 128 hosts 12.3 s (csg-htsim 841d9e7, 128 KiB and 64 KiB per pair); SimGrid
// pairwise with 16,256 flows of unequal size 148 s (two shared cores).
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "sim/engine/simulation.hpp"
#include "sim/transport/step_time.hpp"

namespace moesim {
namespace {

/// GPUs with a NIC each; about the square root of them per leaf, 1:1.
Network leaf_spine(int gpus, int per_leaf) {
  return Network(ClusterConfig::parameters().read(parse_yaml(
      fmt::format("{{nodes: {}, node: {{profile: hgx-h100, gpus: 1, nics: 1}}, fabric: {{type: "
                  "leaf-spine, nodes_per_leaf: {}, spines: {}}}}}",
                  gpus, per_leaf, per_leaf),
      "benchmark")));
}

/// A k-ary fat tree of k^3 / 4 GPUs.
ClusterConfig fat_tree(int k) {
  return ClusterConfig::parameters().read(parse_yaml(
      fmt::format("{{nodes: {0}, node: {{profile: hgx-h100, gpus: 1, nics: 1}}, fabric: {{type: "
                  "fat-tree, nodes_per_leaf: {1}, leaves_per_pod: {1}, aggregations: {1}, "
                  "cores_per_aggregation: {1}}}}}",
                  k * k * k / 4, k / 2),
      "benchmark"));
}

std::vector<Flow> all_to_all(int ranks) {
  std::vector<Flow> flows;
  for (int a = 0; a < ranks; ++a)
    for (int b = 0; b < ranks; ++b)
      if (a != b) flows.push_back({a, b, 1e6});
  return flows;
}

/// As serving asks: what every rank sends and receives.
void all_to_all_analytic(benchmark::State& state) {
  const auto ranks = static_cast<int>(state.range(0));
  const auto network = leaf_spine(ranks, static_cast<int>(state.range(1)));
  const std::vector<double> out(static_cast<std::size_t>(ranks), 1e6 * ranks),
      share(out.size(), 1.0 / ranks);
  auto loads = network.loads();
  for (auto _ : state) {
    loads.clear();
    network.send_product(out, share, loads);
    benchmark::DoNotOptimize(link_bound(loads, network.links()));
  }
}
BENCHMARK(all_to_all_analytic)->Args({64, 8})->Args({1024, 32})->Unit(benchmark::kMicrosecond);

/// Flow by flow, all different, under a transport.
void all_to_all_flows(benchmark::State& state, const char* transport) {
  const auto ranks = static_cast<int>(state.range(0));
  const auto network = leaf_spine(ranks, static_cast<int>(state.range(1)));
  const auto flows = all_to_all(ranks);
  const auto made = Choice<Transport>(transport).make({network.paths(), 1});
  auto loads = network.loads();
  for (auto _ : state) {
    loads.clear();
    made->load(flows, loads);
    benchmark::DoNotOptimize(link_bound(loads, network.links()));
  }
}
BENCHMARK_CAPTURE(all_to_all_flows, spray, "spray")
    ->Args({64, 8})
    ->Args({1024, 32})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(all_to_all_flows, ecmp, "ecmp")
    ->Args({64, 8})
    ->Args({1024, 32})
    ->Unit(benchmark::kMicrosecond);

/// One all-to-all of 64 GPUs as its bytes per link on SimGrid, every link contended.
void all_to_all_aggregate(benchmark::State& state) {
  const auto network = leaf_spine(64, 8);
  auto loads = network.loads();
  network.send_product(std::vector<double>(64, 64e6), std::vector<double>(64, 1.0 / 64), loads);
  std::vector<SharedLink> links;
  for (const auto& link : network.links()) links.push_back({link.name, link.capacity});
  std::vector<LinkBytes> bytes;
  for (const int link : loads.touched()) bytes.push_back({link, loads.bytes(link)});
  constexpr int kTransfers = 50;
  for (auto _ : state) {
    state.PauseTiming();
    Simulation simulation(links);
    simulation.spawn("collective", [&] {
      for (int i = 0; i < kTransfers; ++i) simulation.transfer(bytes, Seconds(0));
    });
    state.ResumeTiming();
    simulation.run();
  }
  state.SetItemsProcessed(state.iterations() * kTransfers);
  state.counters["per_collective"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kTransfers),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(all_to_all_aggregate)->Iterations(1)->Unit(benchmark::kMillisecond);

/// Times of 16,256 hashed flows of unequal size.
void max_min_flows(benchmark::State& state) {
  const auto network = leaf_spine(128, 16);
  auto flows = all_to_all(128);
  for (std::size_t f = 0; f < flows.size(); ++f)
    flows[f].bytes *= 1 + static_cast<double>(f % 97) / 50;
  const auto split = split_flows(network, {}, flows);
  const auto routes =
      route_step(network, *Choice<Transport>("ecmp").make({network.paths(), 1}), split);
  for (auto _ : state)
    benchmark::DoNotOptimize(flow_times(network, network.links(), {}, routes, split, 1e-2));
}
BENCHMARK(max_min_flows)->Iterations(1)->Unit(benchmark::kMillisecond);

/// k = 34: 9,826 GPUs; all trees, then one all-to-all.
void path_sets_of_a_fat_tree(benchmark::State& state) {
  const auto cluster = fat_tree(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    const Network network(cluster);
    const auto gpus = static_cast<std::size_t>(network.gpus());
    auto loads = network.loads();
    network.send_product(std::vector<double>(gpus, 1e6), std::vector<double>(gpus, 1.0 / 1e4),
                         loads);
    benchmark::DoNotOptimize(link_bound(loads, network.links()));
  }
}
BENCHMARK(path_sets_of_a_fat_tree)->Arg(16)->Arg(34)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace moesim
