// Transfers flow by flow: closed forms, what a planner sees, and a link that fails under way.
#include "sim/engine/flow_traffic.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>

namespace moesim {
namespace {

// Two hosts on each of two leaves, two spines, every link 50 GB/s (nic_efficiency 1).
ClusterConfig cluster(const std::string& more = "") {
  return ClusterConfig::parameters().read(
      parse_yaml(fmt::format("{{nodes: 4, node: {{profile: hgx-h100, gpus: 1, nics: 1, "
                             "nic_efficiency: 1, nic_bandwidth: 50 GB/s}}, fabric: {{type: "
                             "leaf-spine, nodes_per_leaf: 2, spines: 2}}{}}}",
                             more),
                 "test"));
}

class FlowByFlow : public ::testing::Test {
 protected:
  void build(const char* transport, const std::string& more = "") {
    config_ = cluster(more);
    epochs_ = epochs_of(config_, Choice<Transport>(transport), 1);
    simulation_.emplace(simulated_links(epochs_.front().network->links()));
    traffic_.emplace(*simulation_, epochs_, config_.links);
    traffic_->follow_conditions();
  }
  /// Starts a transfer of one flow; `end` is when it arrived.
  void send(int from, int to, double bytes, Seconds at, Seconds& end, Seconds at_least = {},
            double effective = 1) {
    simulation_->spawn("transfer", [this, from, to, bytes, at, &end, at_least, effective] {
      simulation_->sleep_for(at);
      FlowList list;
      LinkLoads loads = epochs_.front().network->loads();
      epochs_.front().network->send(from, to, bytes, loads, &list);
      traffic_->move(list, at_least, effective);
      end = simulation_->now();
    });
  }
  double carried(const std::string& name) const {
    const auto& links = epochs_.front().network->links();
    for (std::size_t l = 0; l < links.size(); ++l)
      if (links[l].name == name)
        return l < traffic_->link_bytes().size() ? traffic_->link_bytes()[l] : 0;
    ADD_FAILURE() << "no link " << name;
    return 0;
  }

  ClusterConfig config_;
  std::vector<Epoch> epochs_;
  std::optional<Simulation> simulation_;
  std::optional<FlowTraffic> traffic_;
};

TEST_F(FlowByFlow, SharesALinkFlowByFlow) {
  build("spray");
  Seconds first, second;
  send(0, 2, 50e6, Seconds(0), first);
  send(0, 3, 100e6, Seconds(0), second);
  simulation_->run();
  EXPECT_NEAR(first.value, 2e-3, 1e-8);   // half of host 0's 50 GB/s
  EXPECT_NEAR(second.value, 3e-3, 1e-8);  // then all of it
  EXPECT_NEAR(carried("node 0 nic 0 out"), 150e6, 1);
}

// A sprayed flow of two paths and one that has the leaf to itself are equals at the receiver.
TEST_F(FlowByFlow, GivesASprayedFlowTheSharesOfOne) {
  build("spray");
  Seconds sprayed, direct;
  send(0, 3, 50e6, Seconds(0), sprayed);
  send(2, 3, 50e6, Seconds(0), direct);
  simulation_->run();
  EXPECT_NEAR(sprayed.value, 2e-3, 1e-8);
  EXPECT_NEAR(direct.value, 2e-3, 1e-8);
}

// Two transfers that start one after the other: planned each by itself they would take the same
// spine and half the rate.
class FlowByFlowThatLooks : public FlowByFlow, public ::testing::WithParamInterface<const char*> {};

TEST_P(FlowByFlowThatLooks, GoesAroundWhatIsUnderWay) {
  build(GetParam());
  Seconds first, second;
  send(0, 2, 50e6, Seconds(0), first);
  send(1, 3, 50e6, Seconds(1e-5), second);
  simulation_->run();
  EXPECT_NEAR(first.value, 1e-3, 1e-8);
  EXPECT_NEAR(second.value, 1.01e-3, 1e-8);
  EXPECT_NEAR(carried("leaf 0 to spine 0"), 50e6, 1);
  EXPECT_NEAR(carried("leaf 0 to spine 1"), 50e6, 1);
}

INSTANTIATE_TEST_SUITE_P(Transports, FlowByFlowThatLooks, ::testing::Values("planned", "adaptive"));

// 1 ms at full rate on two spines of 50 GB/s each way, shared by two flows; one spine fails after
// 0.5 ms, so the other half of both takes twice as long.
TEST_F(FlowByFlow, GoesOverWhatIsLeftWhenALinkFails) {
  build("spray", ", links: [{from: leaf 0, to: spine 1, at: 0.5 ms}]");
  Seconds first, second;
  send(0, 2, 50e6, Seconds(0), first);
  send(1, 3, 50e6, Seconds(0), second);
  simulation_->run();
  EXPECT_NEAR(first.value, 1.5e-3, 1e-8);
  EXPECT_NEAR(second.value, 1.5e-3, 1e-8);
  EXPECT_NEAR(carried("leaf 0 to spine 1"), 25e6, 2);
  EXPECT_NEAR(carried("leaf 0 to spine 0"), 75e6, 2);
  EXPECT_NEAR(carried("node 0 nic 0 out"), 50e6, 2) << "no byte is lost and none is sent twice";
  ASSERT_EQ(traffic_->events().size(), 2);
  EXPECT_NE(traffic_->events()[0].find("leaf 0 to spine 1 failed"), std::string::npos);
}

TEST_F(FlowByFlow, StartsOverWhatIsLeftAfterALinkHasFailed) {
  build("planned", ", links: [{from: leaf 0, to: spine 0, at: 0.5 ms}]");
  Seconds end;
  send(0, 2, 50e6, Seconds(0.6e-3), end);
  simulation_->run();
  EXPECT_NEAR(end.value, 1.6e-3, 1e-8);
  EXPECT_EQ(carried("leaf 0 to spine 0"), 0);
  EXPECT_TRUE(traffic_->events().empty());
}

TEST_F(FlowByFlow, DoesNotWaitForAConditionThatComesLater) {
  build("spray", ", links: [{from: leaf 0, to: spine 0, at: 100 s}]");
  Seconds end;
  send(0, 2, 50e6, Seconds(0), end);
  simulation_->run();
  EXPECT_NEAR(simulation_->now().value, 1e-3, 1e-8);
}

TEST_F(FlowByFlow, TakesAtLeastWhatWasMeasuredAndCountsAllBytes) {
  build("spray");
  Seconds slow, fast;
  send(0, 2, 50e6, Seconds(0), slow, Seconds(5e-3));
  send(1, 3, 50e6, Seconds(0), fast, Seconds(0.8e-3), 0.8);
  simulation_->run();
  EXPECT_NEAR(slow.value, 5e-3, 1e-9);
  EXPECT_NEAR(fast.value, 0.8e-3, 1e-8);
  EXPECT_NEAR(carried("node 1 nic 0 out"), 50e6, 1);
}

// 50 MB that are four flows beside 50 MB that are one: four fifths of the link until they are done.
TEST_F(FlowByFlow, GivesAFlowThatStandsForSeveralTheirShares) {
  build("spray");
  Seconds four, one;
  simulation_->spawn("exchange", [this, &four] {
    FlowList list;
    list.outside.push_back({{{0, 2, 50e6}}, {4}});
    traffic_->move(list, Seconds(0));
    four = simulation_->now();
  });
  send(0, 3, 50e6, Seconds(0), one);
  simulation_->run();
  EXPECT_NEAR(four.value, 1.25e-3, 1e-8);
  EXPECT_NEAR(one.value, 2e-3, 1e-8);
}

TEST_F(FlowByFlow, RefusesAFlowWithMoreBytesThanCanBeCounted) {
  build("spray");
  Seconds end;
  send(0, 2, 1e20, Seconds(0), end);
  EXPECT_THROW(simulation_->run(), InputError);
}

TEST_F(FlowByFlow, RefusesMoreFlowsThanCanBeSimulated) {
  build("spray");
  simulation_->spawn("transfer", [this] {
    FlowList list;
    list.outside.push_back(
        {std::vector<Flow>(60'000, {0, 2, 1e3}), std::vector<double>(60'000, 1)});
    traffic_->move(list, Seconds(0));
  });
  try {
    simulation_->run();
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("use aggregate"), std::string::npos);
  }
}

}  // namespace
}  // namespace moesim
