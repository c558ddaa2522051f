// Messages that take turns, against every packet sent one by one.
#include "sim/transport/turns.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace moesim {
namespace {

constexpr double kPacket = 1000, kRate = 1e9;

Network hosts(int count) {
  return Network(Value<ClusterConfig>::read(parse_yaml(
      "{nodes: " + std::to_string(count) +
          ", node: {profile: hgx-h100, gpus: 1, nics: 1, nic_bandwidth: 1 GB/s, nic_efficiency: 1, "
          "nic_latency: 0 us}, fabric: {type: crossbar}}",
      "test")));
}

Wire wire() { return {Bytes(kPacket - 64), Bytes(64), false, true}; }

SplitFlows all_to_all(int ranks, double packets, int first_target) {
  SplitFlows flows;
  for (int s = 0; s < ranks; ++s)
    for (int k = 0; k < ranks; ++k) {
      const int t = first_target < 0 ? (s + 1 + k) % ranks : k;
      if (t != s) flows.outside.push_back({s, t, packets * kPacket});
    }
  return flows;
}

/// Senders take turns in the order listed; targets take one packet at a time. In packet times.
double packet_by_packet(const SplitFlows& flows, int ranks) {
  std::vector<std::vector<double>> arrivals(static_cast<std::size_t>(ranks));
  for (int s = 0; s < ranks; ++s) {
    std::vector<std::pair<int, int>> messages;  // target, packets left
    for (const auto& f : flows.outside)
      if (f.source == s) messages.emplace_back(f.target, static_cast<int>(f.bytes / kPacket));
    int slot = 0;
    for (bool any = true; any;) {
      any = false;
      for (auto& [target, left] : messages)
        if (left > 0) {
          --left;
          any = true;
          arrivals[static_cast<std::size_t>(target)].push_back(++slot);
        }
    }
  }
  double last = 0;
  for (auto& at : arrivals) {
    std::ranges::sort(at);
    double end = 0;
    for (const double t : at) end = std::max(end + 1, t);
    last = std::max(last, end);
  }
  return last;
}

TEST(Turns, LeaveTheLastTargetABurstOfAllSenders) {
  const auto network = hosts(16);
  const auto flows = all_to_all(16, 8, 0);
  const double packets =
      turns_bound(network, wire(), flows, network.links()).value * kRate / kPacket;
  EXPECT_NEAR(packets, 15 * 8 + 14, 1e-6);
  EXPECT_NEAR(packets, packet_by_packet(flows, 16), 1e-6);
}

TEST(Turns, CostNothingWhereEverySenderBeginsWithTheNextRank) {
  const auto network = hosts(16);
  const auto flows = all_to_all(16, 8, -1);
  EXPECT_NEAR(turns_bound(network, wire(), flows, network.links()).value * kRate / kPacket, 15 * 8,
              1e-6);
}

TEST(Turns, AreNotTakenByAWireThatDoesNotSaySo) {
  const auto network = hosts(4);
  Wire fluid = wire();
  fluid.turns = false;
  EXPECT_EQ(turns_bound(network, fluid, all_to_all(4, 8, 0), network.links()), Seconds(0));
}

// The bound looks at the last packet of every message only: never above the packets one by one, and
// never below what the busiest sender needs.
TEST(Turns, BoundWhatPacketsOneByOneTake) {
  const auto network = hosts(6);
  rc::check([&] {
    SplitFlows flows;
    std::vector<double> of_sender(6, 0);
    for (int s = 0; s < 6; ++s)
      for (int t = 0; t < 6; ++t) {
        const int packets = s == t ? 0 : *rc::gen::inRange(0, 20);
        if (packets == 0) continue;
        flows.outside.push_back({s, t, packets * kPacket});
        of_sender[static_cast<std::size_t>(s)] += packets;
      }
    const double bound =
        turns_bound(network, wire(), flows, network.links()).value * kRate / kPacket;
    RC_ASSERT(bound <= packet_by_packet(flows, 6) + 1e-6);
    RC_ASSERT(bound >= *std::ranges::max_element(of_sender) - 1e-6);
  });
}

TEST(Turns, NeedPackets) {
  EXPECT_THROW(Value<Wire>::read(parse_yaml("{turns: true}", "test")), InputError);
}

// One flow per uplink of a 4:1 leaf: nothing queues there. All hosts to the next leaf: it does.
TEST(Overcommitted, AreLinksThatNeedLongerThanTheirSenders) {
  const Network network(Value<ClusterConfig>::read(
      parse_yaml("{nodes: 8, node: {profile: hgx-h100, gpus: 1, nics: 1, nic_bandwidth: 1 GB/s}, "
                 "fabric: {type: leaf-spine, nodes_per_leaf: 4, spines: 1, oversubscription: 4}}",
                 "test")));
  const auto shifted = [&](int by) {
    SplitFlows flows;
    for (int h = 0; h < 8; ++h) flows.outside.push_back({h, (h + by) % 8, 1e6});
    auto loads = network.loads();
    load_step(network, network.transport(), flows, loads);
    return std::ranges::count(overcommitted(network, loads), 1);
  };
  EXPECT_EQ(shifted(1), 0);
  EXPECT_EQ(shifted(4), 4);  // both directions of both uplinks
}

}  // namespace
}  // namespace moesim
