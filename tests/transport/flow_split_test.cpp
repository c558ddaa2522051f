// The theorem of "Challenging the Need for Packet Spraying" (arXiv 2407.00550): whole flows and
// evenly split residuals load no link more than ideal spraying does, on the paper's two fabrics.
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "sim/engine/collective_scenario.hpp"
#include "sim/transport/step_time.hpp"

namespace moesim {
namespace {

struct PaperFabric {
  const char* name;
  const char* yaml;
};

const PaperFabric kFabrics[] = {
    {"LeafSpine256",
     "{nodes: 256, node: {profile: hgx-h100, gpus: 1, nics: 1, nic_efficiency: 1}, fabric: {type: "
     "leaf-spine, nodes_per_leaf: 16, spines: 16}}"},
    {"FatTree512",
     "{nodes: 512, node: {profile: hgx-h100, gpus: 1, nics: 1, nic_efficiency: 1}, fabric: {type: "
     "fat-tree, nodes_per_leaf: 16, leaves_per_pod: 4, aggregations: 4, cores_per_aggregation: "
     "4}}"}};

const char* const kCollectives[] = {"{type: all-reduce, algorithm: ring}",
                                    "{type: all-reduce, algorithm: tree}",
                                    "{type: all-reduce, algorithm: recursive-doubling}",
                                    "{type: all-to-all}", "{type: permutation, shift: 16}"};

template <class Slot>
Choice<Slot> choice(const std::string& yaml) {
  return Value<Choice<Slot>>::read(parse_yaml(yaml, "test"));
}

class FlowSplitting : public ::testing::TestWithParam<PaperFabric> {
 protected:
  std::vector<CollectiveStep> steps(const char* collective) const {
    return choice<Collective>(collective).make({network_.gpus(), 1, 1, {}})->steps();
  }
  double busiest(const std::string& transport, const CollectiveStep& step) const {
    const auto made = choice<Transport>(transport).make({network_.paths(), 1});
    auto loads = network_.loads();
    load_step(network_, *made, split_flows(network_, {}, step.flows), loads);
    return link_bound(loads, network_.links()).value;
  }
  Network network_{ClusterConfig::parameters().read(parse_yaml(GetParam().yaml, "test"))};
};

TEST_P(FlowSplitting, LoadsNoLinkMoreThanIdealSpraying) {
  for (const auto* collective : kCollectives)
    for (const auto& step : steps(collective)) {
      const double spray = busiest("spray", step);
      EXPECT_NEAR(busiest("flow-split", step), spray, 1e-9 * spray) << collective;
    }
}

TEST_P(FlowSplitting, IsNotReachedByHashing) {
  for (const auto* collective : {kCollectives[2], kCollectives[3], kCollectives[4]}) {
    double spray = 0, hashed = 0;
    for (const auto& step : steps(collective)) {
      spray += busiest("spray", step);
      hashed += busiest("ecmp", step);
    }
    EXPECT_GT(hashed, 1.01 * spray) << collective;
  }
}

TEST_P(FlowSplitting, MakesNoDifferenceWhereOneFlowCrossesPerLeaf) {
  // The paper: ring and double binary tree take the same time under any scheme.
  for (const auto& step : steps(kCollectives[0]))
    EXPECT_NEAR(busiest("ecmp", step), busiest("spray", step), 1e-9);
}

// Of n flows from a NIC to a leaf over s paths, n - r go whole and the r = n mod s others are cut
// into s / gcd(r, s) parts.
TEST_P(FlowSplitting, CutsAsManyPiecesAsThePaperStates) {
  for (const auto* collective : kCollectives)
    for (const auto& step : steps(collective)) {
      std::map<std::pair<int, int>, std::pair<std::int64_t, std::int64_t>> groups;
      for (const auto& flow : step.flows) {
        auto& [flows, paths] =
            groups[{flow.source, network_.fabric().ports(flow.target).front().at}];
        ++flows;
        paths = network_.paths().count(flow.source, flow.target);
      }
      std::int64_t expected = 0;
      for (const auto& [_, group] : groups) {
        const auto [n, s] = group;
        const auto r = n % s;
        expected += n - r + r * (s / std::gcd(r, s));
      }
      Routes routes;
      choice<Transport>("flow-split")
          .make({network_.paths(), 1})
          ->route(split_flows(network_, {}, step.flows).outside, routes);
      EXPECT_EQ(static_cast<std::int64_t>(routes.pieces.size()), expected) << collective;
    }
}

INSTANTIATE_TEST_SUITE_P(Paper, FlowSplitting, ::testing::ValuesIn(kFabrics),
                         [](const auto& each) { return each.param.name; });

// Residual flows over paths, as the theorem's notes work them out (arXiv 2407.00550): 15 of 16
// flows are cut into 16 parts, 8 into 2, 24 make 16 whole and 8 in 2 parts, 7 over 4 make 4 whole
// and 3 in 4 parts.
TEST(FlowSplit, FollowsTheWorkedExamples) {
  const auto pieces = [](int flows, int spines) {
    const Network network(ClusterConfig::parameters().read(parse_yaml(
        "{nodes: 128, node: {profile: hgx-h100, gpus: 1, nics: 1}, fabric: {type: leaf-spine, "
        "nodes_per_leaf: 64, spines: " +
            std::to_string(spines) + "}}",
        "test")));
    std::vector<Flow> all;
    for (int f = 0; f < flows; ++f) all.push_back({0, 64 + f, 1e6});
    Routes routes;
    choice<Transport>("flow-split").make({network.paths(), 1})->route(all, routes);
    return routes.pieces.size();
  };
  EXPECT_EQ(pieces(16, 16), 16u);
  EXPECT_EQ(pieces(15, 16), 15u * 16);
  EXPECT_EQ(pieces(8, 16), 8u * 2);
  EXPECT_EQ(pieces(24, 16), 16u + 8 * 2);
  EXPECT_EQ(pieces(7, 4), 4u + 3 * 4);
}

}  // namespace
}  // namespace moesim
