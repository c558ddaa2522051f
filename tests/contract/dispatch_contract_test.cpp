// The contract of slot "dispatch", for every registered implementation: bytes conserved, more is
// never faster.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "sim/transport/exchange.hpp"
#include "sim/transport/step_time.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

/// Traffic of a skewed batch: rank r holds r + 1 times `scale` tokens, and the experts of low ranks
/// are popular.
struct Batch {
  std::vector<double> tokens, received, rank_probability, node_probability;

  Batch(const Network& network, const Group& group, double scale) {
    constexpr double top_k = 4;
    const int ranks = group.size();
    double all = 0, weights = 0;
    for (int r = 0; r < ranks; ++r) {
      tokens.push_back(scale * (r + 1));
      all += tokens.back();
      weights += 1.0 / (r + 1);
    }
    for (int r = 0; r < ranks; ++r) {
      received.push_back(all * top_k / (r + 1) / weights);
      rank_probability.push_back(std::min(1.0, received.back() / all));
    }
    node_probability.assign(static_cast<std::size_t>(group.nodes()), 0.8);
    static_cast<void>(network);
  }
  ExchangeLoad load(double bytes_per_token) const {
    return {tokens, received, rank_probability, node_probability, bytes_per_token};
  }
};

class DispatchContract : public ::testing::TestWithParam<std::string> {
 protected:
  Group group(int ranks) const {
    std::vector<int> gpus(static_cast<std::size_t>(ranks));
    std::iota(gpus.begin(), gpus.end(), 0);
    return {network_, std::move(gpus)};
  }
  Transfer moved(int ranks, double scale, bool combine, double bytes = 7168,
                 bool listed = false) const {
    const Group members = group(ranks);
    const Batch batch(network_, members, scale);
    Transfer transfer(network_);
    transfer.listed = listed;
    const auto exchange = contract::make<Exchange>(GetParam(), {network_, members});
    if (combine)
      exchange->combine(batch.load(bytes), transfer);
    else
      exchange->dispatch(batch.load(bytes), transfer);
    return transfer;
  }
  double bytes_of(const Transfer& transfer, const std::string& suffix) const {
    double total = 0;
    for (const int link : transfer.loads.touched())
      if (network_.links()[static_cast<std::size_t>(link)].name.ends_with(suffix))
        total += transfer.loads.bytes(link);
    return total;
  }
  Network network_{ClusterConfig::parameters().read(parse_yaml(
      "{node: hgx-h200, nodes: 4, fabric: {type: leaf-spine, nodes_per_leaf: 2}}", "test"))};
};

constexpr int kSizes[] = {2, 8, 16, 32};

TEST_P(DispatchContract, WhatLeavesARankArrives) {
  for (const int ranks : kSizes)
    for (const bool combine : {false, true}) {
      const auto transfer = moved(ranks, 10, combine);
      EXPECT_GT(transfer.payload_bytes, 0) << ranks;
      EXPECT_NEAR(bytes_of(transfer, " island out"), bytes_of(transfer, " island in"), 1) << ranks;
      double nic_out = 0, nic_in = 0, up = 0, down = 0;
      for (const int link : transfer.loads.touched()) {
        const auto& name = network_.links()[static_cast<std::size_t>(link)].name;
        const double bytes = transfer.loads.bytes(link);
        if (name.find(" nic ") != std::string::npos)
          (name.ends_with(" out") ? nic_out : nic_in) += bytes;
        if (name.starts_with("leaf ")) up += bytes;
        if (name.starts_with("spine ")) down += bytes;
      }
      EXPECT_NEAR(nic_out, nic_in, 1e-6 * nic_out) << ranks;
      EXPECT_NEAR(up, down, 1e-6 * up) << ranks;
      EXPECT_EQ(nic_out > 0, ranks > 8) << ranks;
    }
}

TEST_P(DispatchContract, AGroupOfOneAndAnEmptyBatchAddNothing) {
  for (const bool combine : {false, true})
    for (const auto& transfer : {moved(1, 10, combine), moved(8, 0, combine)}) {
      EXPECT_TRUE(transfer.loads.touched().empty());
      EXPECT_EQ(transfer.latency.value, 0);
      EXPECT_EQ(transfer.payload_bytes, 0);
    }
}

TEST_P(DispatchContract, MoreTokensOrBytesNeverTakeLessTime) {
  for (const int ranks : kSizes)
    for (const bool combine : {false, true}) {
      double last = 0;
      for (const double scale : {1.0, 2.0, 16.0, 1000.0}) {
        const double time = moved(ranks, scale, combine).alone(network_).value;
        EXPECT_GE(time, last) << ranks;
        EXPECT_GE(moved(ranks, scale, combine, 14336).alone(network_).value, time) << ranks;
        last = time;
      }
      EXPECT_GT(last, moved(ranks, 1, combine).alone(network_).value) << ranks;
    }
}

TEST_P(DispatchContract, CombineMirrorsDispatch) {
  for (const int ranks : kSizes) {
    const auto there = moved(ranks, 10, false), back = moved(ranks, 10, true);
    EXPECT_NEAR(there.payload_bytes, back.payload_bytes, 1e-6 * there.payload_bytes) << ranks;
    for (int gpu = 0; gpu < ranks; ++gpu) {  // links stand in pairs: out, in
      EXPECT_NEAR(there.loads.bytes(2 * gpu), back.loads.bytes(2 * gpu + 1), 1)
          << ranks << " " << gpu;
      EXPECT_NEAR(there.loads.bytes(2 * gpu + 1), back.loads.bytes(2 * gpu), 1)
          << ranks << " " << gpu;
    }
  }
}

/// Loads of the flows that a transfer lists, each on its paths.
LinkLoads loads_of_list(const Network& network, const FlowList& list) {
  auto loads = network.loads();
  route_step(network, network.transport(),
             {list.inside, {}, {}, std::vector<int>(list.inside.size())})
      .load(loads);
  for (const auto& set : list.outside)
    route_step(network, network.transport(),
               {{}, set.flows, std::vector<int>(set.flows.size()), {}})
        .load(loads);
  return loads;
}

TEST_P(DispatchContract, ListsTheFlowsThatItsBytesAre) {
  for (const int ranks : kSizes)
    for (const bool combine : {false, true}) {
      const auto transfer = moved(ranks, 10, combine, 7168, true);
      const auto listed = loads_of_list(network_, transfer.list);
      ASSERT_EQ(listed.touched().size(), transfer.loads.touched().size()) << ranks;
      for (const int link : listed.touched())
        EXPECT_NEAR(listed.bytes(link), transfer.loads.bytes(link),
                    1e-9 * transfer.loads.bytes(link))
            << ranks << " " << network_.links()[static_cast<std::size_t>(link)].name;
    }
}

// Flows are counted on the links that bytes travel on, whole ones at NICs and ports: at least one,
// at most one to everybody.
TEST_P(DispatchContract, CountsItsFlows) {
  for (const int ranks : kSizes) {
    const Group members = group(ranks);
    Transfer flows(network_);
    contract::make<Exchange>(GetParam(), {network_, members})->flows(flows);
    const auto moved_bytes = moved(ranks, 10, false);
    EXPECT_EQ(flows.loads.touched().size(), moved_bytes.loads.touched().size()) << ranks;
    for (const int link : moved_bytes.loads.touched()) {
      const double count = flows.loads.bytes(link);
      EXPECT_GT(count, 0) << ranks;
      const auto& name = network_.links()[static_cast<std::size_t>(link)].name;
      if (name.starts_with("leaf ") || name.starts_with("spine ")) continue;
      EXPECT_NEAR(count, std::round(count), 1e-9) << name;
      EXPECT_GE(count, 1) << name;
      EXPECT_LT(count, ranks) << name;
    }
  }
}

// One NIC per GPU: a flow to every remote rank, one to every remote node, or along a ring.
TEST(DispatchFlows, AreThoseOfTheAlgorithm) {
  const Network network(ClusterConfig::parameters().read(
      parse_yaml("{node: hgx-h200, nodes: 4, fabric: {type: leaf-spine}}", "test")));
  std::vector<int> gpus(32);
  std::iota(gpus.begin(), gpus.end(), 0);
  const Group group(network, gpus);
  const std::map<std::string, std::pair<double, double>> expected = {
      {"all-to-all", {7, 24}}, {"node-dedup", {7, 3}}, {"allgather-reducescatter", {1, 1}}};
  for (const auto& [name, counts] : expected) {
    Transfer flows(network);
    contract::make<Exchange>(name, {network, group})->flows(flows);
    for (const int link : flows.loads.touched()) {
      const auto& at = network.links()[static_cast<std::size_t>(link)].name;
      const double count = flows.loads.bytes(link);
      if (at.find(" island ") != std::string::npos) {
        EXPECT_NEAR(count, counts.first, 1e-9) << name << " " << at;
      } else if (at.find(" nic ") != std::string::npos) {
        EXPECT_NEAR(count, counts.second, 1e-9) << name << " " << at;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Every, DispatchContract,
                         ::testing::ValuesIn(contract::implementations<Exchange>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
