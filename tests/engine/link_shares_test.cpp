// Shares of a link under contention: transfers as link totals, weighted by the flows they stand
// for, against every flow on its path. Every simulation runs in a process of its own.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

#include "sim/cli/process_pool.hpp"
#include "sim/core/random.hpp"
#include "sim/engine/simulation.hpp"
#include "sim/transport/exchange.hpp"
#include "sim/transport/step_time.hpp"

namespace moesim {
namespace {

TEST(LinkShares, AreInProportionToFlows) {
  Simulation simulation({{"a", BytesPerSecond(1e9)}});
  Seconds first, second;
  const auto move = [&](double bytes, double flows, Seconds& end) {
    simulation.spawn("move", [&simulation, bytes, flows, &end] {
      const LinkBytes load{0, bytes, flows};
      simulation.transfer(std::span(&load, 1), Seconds(0));
      end = simulation.now();
    });
  };
  move(6e6, 30, first);
  move(3e6, 7.5, second);
  simulation.run();
  EXPECT_NEAR(first.value, 7.5e-3, 1e-8);  // four fifths of the link until it is done
  EXPECT_NEAR(second.value, 9e-3, 1e-8);   // then all of it
}

/// An exchange of tokens between all ranks of a group, and messages from GPU to GPU beside it.
struct Traffic {
  std::unique_ptr<Network> network;
  std::vector<int> members;
  std::string dispatch;
  std::vector<double> popularity;  ///< [ranks] of what is there, relative
  double bytes_per_pair = 0;       ///< to a rank of popularity 1
  std::vector<Flow> messages;      ///< of equal bytes
  bool sprayed = false;
};

Traffic draw_traffic(std::uint64_t number) {
  const RandomStream random(3, stream_id("traffic", number));
  std::uint64_t draw = 0;
  const auto pick = [&](std::uint64_t n) { return static_cast<int>(random.below(draw++, n)); };
  const char* fabrics[] = {"type: leaf-spine, nodes_per_leaf: 2, spines: 4",
                           "type: leaf-spine, nodes_per_leaf: 1, spines: 2, oversubscription: 2",
                           "type: rail-optimised, nodes_per_group: 2", "type: crossbar"};
  const int nodes = 2 + 2 * pick(2), gpus = 4, nics = 1 << pick(3), fabric = pick(4);
  Traffic traffic;
  traffic.sprayed = pick(2) == 0;
  traffic.network = std::make_unique<Network>(
      ClusterConfig::parameters().read(parse_yaml(
          fmt::format(
              "{{nodes: {}, node: {{profile: hgx-h100, gpus: {}, nics: {}}}, fabric: {{{}}}}}",
              nodes, gpus, nics, fabrics[fabric]),
          "test")),
      Choice<Transport>(traffic.sprayed ? "spray" : "ecmp"));
  traffic.members.resize(static_cast<std::size_t>(nodes * gpus));
  std::iota(traffic.members.begin(), traffic.members.end(), 0);
  for (int r = 0; r < nodes * gpus; ++r) traffic.popularity.push_back(1 + 0.1 * pick(6));
  traffic.bytes_per_pair = 1e6 * (1 + pick(4));
  const auto ranks = nodes * gpus;
  const double bytes = traffic.bytes_per_pair * (1 + pick(3 * ranks));
  for (int m = 1 + pick(4); m > 0; --m) {
    const int source = pick(static_cast<std::uint64_t>(ranks));
    const int target = (source + gpus * (1 + pick(static_cast<std::uint64_t>(nodes - 1)))) % ranks;
    traffic.messages.push_back({source, target, bytes});
  }
  return traffic;
}

/// When the exchange and the messages end.
struct Ends {
  double exchange_s = 0, messages_s = 0;
};

Ends pairwise(const Traffic& traffic) {
  const auto& network = *traffic.network;
  std::vector<Flow> exchange;
  for (const int a : traffic.members)
    for (const int b : traffic.members)
      if (a != b)
        exchange.push_back(
            {a, b, traffic.bytes_per_pair * traffic.popularity[static_cast<std::size_t>(b)]});
  std::vector<SharedLink> links;
  for (const auto& link : network.links()) links.push_back({link.name, link.capacity});
  Simulation simulation(links);
  Ends ends;
  const auto start = [&](const std::vector<Flow>& flows, double& end) {
    simulation.spawn("flows", [&simulation, &network, &flows, &end] {
      const auto split = split_flows(network, {}, flows);
      const auto routes = route_step(network, network.transport(), split);
      std::vector<PathBytes> moving;
      for (const auto& piece : routes.pieces) moving.push_back({routes.path(piece), piece.bytes});
      for (const auto& flow : simulation.move(moving, Seconds(1e9)))
        end = std::max(end, flow.at.value);
    });
  };
  start(exchange, ends.exchange_s);
  start(traffic.messages, ends.messages_s);
  simulation.run();
  return ends;
}

Ends aggregate(const Traffic& traffic, bool weighted) {
  const auto& network = *traffic.network;
  const Group group(network, traffic.members);
  Transfer exchange(network), exchange_flows(network), messages(network);
  const auto algorithm = Choice<Exchange>("all-to-all").make({network, group});
  // So many tokens that each rank sends `popularity` (token, expert) pairs to every other.
  const std::vector<double> tokens(traffic.members.size(), 1);
  std::vector<double> received;
  for (const double p : traffic.popularity)
    received.push_back(p * static_cast<double>(tokens.size()));
  algorithm->dispatch({tokens, received, {}, {}, traffic.bytes_per_pair}, exchange);
  algorithm->flows(exchange_flows);
  exchange.flows = &exchange_flows.loads;
  messages.flow_bytes = traffic.messages.front().bytes;
  network.send(traffic.messages, messages.loads);

  std::vector<SharedLink> links;
  for (const auto& link : network.links()) links.push_back({link.name, link.capacity});
  Simulation simulation(links);
  Ends ends;
  const auto start = [&](const Transfer& transfer, double& end) {
    std::vector<LinkBytes> shared;
    for (const int link : transfer.loads.touched())
      shared.push_back(
          {link, transfer.loads.bytes(link), weighted ? transfer.flows_on(link) : 1.0});
    simulation.spawn("bytes", [&, shared] {
      simulation.transfer(shared, link_bound(transfer.loads, network.links()));
      end = simulation.now().value;
    });
  };
  start(exchange, ends.exchange_s);
  start(messages, ends.messages_s);
  simulation.run();
  return ends;
}

template <class Run>
Ends apart(Run run) {
  Ends ends;
  run_processes(
      1, 1,
      [&](std::size_t) {
        const Ends here = run();
        return fmt::format("{} {}", here.exchange_s, here.messages_s);
      },
      [&](std::size_t, const ProcessOutcome& outcome) {
        EXPECT_EQ(outcome.end, ProcessOutcome::End::kBytes) << outcome.text;
        std::istringstream(outcome.text) >> ends.exchange_s >> ends.messages_s;
      });
  return ends;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Traffic that goes whole over one path agrees but where a rate is limited elsewhere. A sprayed
// flow has as many shares in the reference as it has paths, which here only counts once: messages
// and exchange with different numbers of paths, inside a leaf and across spines, differ more.
TEST(LinkShares, AreThoseOfTheFlowsOneByOne) {
  std::vector<double> weighted, unweighted;
  for (std::uint64_t number = 0; number < 60; ++number) {
    SCOPED_TRACE(number);
    const auto traffic = draw_traffic(number);
    const auto reference = apart([&] { return pairwise(traffic); });
    const auto error = [&](bool with_weights) {
      const auto ends = apart([&] { return aggregate(traffic, with_weights); });
      return std::max(std::abs(ends.exchange_s / reference.exchange_s - 1),
                      std::abs(ends.messages_s / reference.messages_s - 1));
    };
    weighted.push_back(error(true));
    unweighted.push_back(error(false));
    EXPECT_LT(weighted.back(), traffic.sprayed ? 0.4 : 0.15);
  }
  EXPECT_LT(median(weighted), 0.02);
  EXPECT_GT(median(unweighted), 0.4) << "what one share per transfer would give";
}

}  // namespace
}  // namespace moesim
