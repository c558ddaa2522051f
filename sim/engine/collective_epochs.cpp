#include "sim/engine/collective_epochs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace moesim {

std::vector<Epoch> epochs_of(const ClusterConfig& whole, const Choice<Transport>& transport,
                             std::uint64_t seed) {
  std::vector<Seconds> times{Seconds(0)};
  for (const auto& condition : whole.links) times.push_back(condition.at);
  std::ranges::sort(times);
  times.erase(std::unique(times.begin(), times.end()), times.end());
  std::vector<Epoch> epochs;
  for (const auto time : times) {
    ClusterConfig cluster = whole;
    std::erase_if(cluster.links, [&](const auto& condition) { return condition.at > time; });
    for (auto& condition : cluster.links) condition.at = Seconds(0);
    if (!epochs.empty()) epochs.back().until = time;
    Epoch epoch{time, Seconds(std::numeric_limits<double>::infinity()),
                std::make_unique<Network>(cluster), nullptr};
    epoch.transport = transport.make({epoch.network->paths(), seed});
    epochs.push_back(std::move(epoch));
  }
  return epochs;
}

std::size_t epoch_at(std::span<const Epoch> epochs, Seconds now) {
  std::size_t e = 0;
  while (e + 1 < epochs.size() && epochs[e + 1].from <= now) ++e;
  return e;
}

std::vector<SharedLink> simulated_links(const std::vector<Link>& links) {
  std::vector<SharedLink> simulated;
  for (const auto& link : links)
    simulated.push_back({link.name, std::max(link.capacity, BytesPerSecond(1))});
  return simulated;
}

std::vector<SharedLink> shared_links(const Epoch& epoch,
                                     std::span<const PreparedCollective> collectives) {
  auto reached = reached_links(*epoch.network, *epoch.transport);
  const double nic = epoch.transport->goodput(1);
  const double core = epoch.transport->goodput(epoch.network->fabric().oversubscription());
  if (collectives.size() == 1 && nic != core) {
    std::vector<char> over(reached.size(), 0);
    auto loads = epoch.network->loads();
    for (const auto& flows : collectives.front().split) {
      loads.clear();
      load_step(*epoch.network, *epoch.transport, flows, loads);
      const auto here = overcommitted(*epoch.network, loads);
      for (std::size_t l = 0; l < over.size(); ++l) over[l] |= here[l];
    }
    reach_fully(*epoch.network, nic, over, reached);
  }
  return simulated_links(reached);
}

SplitFlows what_is_left(const SplitFlows& flows, std::span<const double> rest_bytes) {
  SplitFlows left;
  const auto keep = [&](const std::vector<Flow>& from, const std::vector<int>& numbers,
                        std::vector<Flow>& to, std::vector<int>& numbers_left) {
    for (std::size_t i = 0; i < from.size(); ++i)
      if (const double bytes = rest_bytes[static_cast<std::size_t>(numbers[i])]; bytes > 0) {
        to.push_back({from[i].source, from[i].target, bytes});
        numbers_left.push_back(numbers[i]);
      }
  };
  keep(flows.inside, flows.inside_of, left.inside, left.inside_of);
  keep(flows.outside, flows.outside_of, left.outside, left.outside_of);
  return left;
}

std::vector<double> rest_after(const SplitFlows& flows, std::size_t count, const LinkLoads& loads,
                               const std::vector<Link>& links, const Routes& routes,
                               Seconds elapsed) {
  std::vector<double> needs(count, 0);  // of the busiest link on any of the flow's paths
  for (const auto& piece : routes.pieces)
    for (const int l : routes.path(piece)) {
      const double seconds = loads.bytes(l) / links[static_cast<std::size_t>(l)].capacity.value;
      auto& most = needs[static_cast<std::size_t>(piece.flow)];
      most = std::max(most, seconds);
    }
  std::vector<double> rest(count, 0);
  const auto set = [&](const std::vector<Flow>& of, const std::vector<int>& numbers) {
    for (std::size_t i = 0; i < of.size(); ++i) {
      const auto f = static_cast<std::size_t>(numbers[i]);
      rest[f] = of[i].bytes * std::max(0.0, 1 - elapsed.value / needs[f]);
    }
  };
  set(flows.inside, flows.inside_of);
  set(flows.outside, flows.outside_of);
  return rest;
}

std::vector<std::string> change_report(std::span<const LinkCondition> conditions,
                                       const std::string& name, const Epoch& before,
                                       const Epoch& after, const Routes& routes,
                                       std::span<const double> rest_bytes) {
  const auto hit = [&](int l) {
    const auto link = static_cast<std::size_t>(l);
    return after.network->links()[link].capacity < before.network->links()[link].capacity;
  };
  std::int64_t pieces = 0;
  double bytes = 0;
  for (std::size_t p = 0; p < routes.pieces.size(); ++p) {
    if (rest_bytes[p] < 1) continue;
    const auto& piece = routes.pieces[p];
    double share = 0;
    for (std::size_t i = 0; i < piece.links; ++i)
      if (hit(routes.links[piece.first_link + i]))
        share += routes.shares.empty() ? 1 : routes.shares[piece.first_link + i];
    if (share > 0) ++pieces;
    bytes += rest_bytes[p] * std::min(1.0, share);
  }
  std::vector<std::string> lines;
  for (const auto& condition : conditions)
    if (condition.at == after.from)
      lines.push_back(fmt::format(
          "{:.3f} us: {} to {} {}; {}: {} {} with {:.0f} bytes left on it were routed again, with "
          "all that had not arrived",
          condition.at.value * 1e6, condition.from, condition.to,
          condition.speed > 0 ? fmt::format("runs at {:g} of its speed", condition.speed)
                              : std::string("failed"),
          name, pieces, routes.shares.empty() ? "pieces" : "flows", bytes));
  return lines;
}

}  // namespace moesim
