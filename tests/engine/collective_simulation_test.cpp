// The fidelities against each other: SimGrid flow by flow, the max-min solver, link loads, and what
// happens to a collective whose link fails. Every simulation runs in a process of its own.
#include "sim/engine/collective_simulation.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "sim/cli/process_pool.hpp"
#include "sim/engine/collective_study.hpp"

namespace moesim {
namespace {

CollectiveScenario scenario(const std::string& fabric, const std::string& collectives,
                            const std::string& transport, const std::string& rest = "") {
  return read_collective_scenario(parse_yaml(
      fmt::format("{{kind: collective, cluster: {{nodes: 16, node: {{profile: hgx-h100, gpus: 1, "
                  "nics: 1, nic_bandwidth: 50 GB/s, nic_efficiency: 1, nic_latency: 2 us}}, "
                  "fabric: {{{}}}{}}}, collectives: [{}], transports: [{}], fidelity: pairwise}}",
                  fabric, rest, collectives, transport),
      "test"));
}

/// Completion times, then flow times of the first collective, then the number of its events.
std::vector<double> simulated(CollectiveScenario study, StudyFidelity fidelity) {
  study.fidelity = fidelity;
  std::vector<double> values;
  run_processes(
      1, 1,
      [&](std::size_t) {
        const auto result = simulate_collectives(study, study.transports.front(), 0);
        std::string text;
        for (const auto& c : result.collectives) text += fmt::format("{} ", c.completion_s);
        for (const double t : result.collectives.front().flow_time_s) text += fmt::format("{} ", t);
        return text + fmt::format("{}", result.collectives.front().events.size());
      },
      [&](std::size_t, const ProcessOutcome& outcome) {
        EXPECT_EQ(outcome.end, ProcessOutcome::End::kBytes) << outcome.text;
        std::istringstream in(outcome.text);
        for (double value = 0; in >> value;) values.push_back(value);
      });
  return values;
}

const char* const kFabrics[] = {"type: leaf-spine, nodes_per_leaf: 4, spines: 3",
                                "type: fat-tree, nodes_per_leaf: 2, leaves_per_pod: 2, "
                                "aggregations: 2, cores_per_aggregation: 2",
                                "type: torus, dimensions: [4, 4]",
                                "type: dragonfly, nodes_per_router: 2, routers_per_group: 2, "
                                "global_links: 2",
                                "type: crossbar"};
const char* const kTraffic[] = {"{collective: {type: permutation, bytes: 1 MiB}}",
                                "{collective: {type: all-to-all, bytes: 100 kB}}",
                                "{collective: {type: moe-exchange, tokens: 20, zipf: 0.8}}"};

TEST(Fidelities, SimGridGivesEveryFlowTheTimeOfTheMaxMinSolver) {
  for (const auto* fabric : kFabrics)
    for (const auto* traffic : kTraffic)
      for (const auto* transport : {"ecmp", "flow-split", "adaptive"}) {
        SCOPED_TRACE(fmt::format("{} {} {}", fabric, traffic, transport));
        auto study = scenario(fabric, traffic, transport);
        const auto pairwise = simulated(study, StudyFidelity::pairwise);
        study.fidelity = StudyFidelity::analytic;
        const auto solver = run_study(study, {}).outcomes.front().flow_time_s;
        ASSERT_EQ(pairwise.size(), solver.size() + 2);
        for (std::size_t f = 0; f < solver.size(); ++f)
          EXPECT_NEAR(pairwise[f + 1], solver[f], 5e-4 * solver[f]) << f;  // whole bytes
      }
}

TEST(Fidelities, AgreeWithinFivePercentWithoutContention) {
  for (const auto* fabric : kFabrics)
    for (const auto* traffic : {kTraffic[0], kTraffic[1]})
      for (const auto* transport : {"spray", "ecmp", "planned"}) {
        SCOPED_TRACE(fmt::format("{} {} {}", fabric, traffic, transport));
        auto study = scenario(fabric, traffic, transport);
        const double pairwise = simulated(study, StudyFidelity::pairwise).front();
        const double aggregate = simulated(study, StudyFidelity::aggregate).front();
        study.fidelity = StudyFidelity::analytic;
        const double analytic = run_study(study, {}).outcomes.front().completion_s.mean;
        EXPECT_NEAR(aggregate, analytic, 1e-6 * analytic);
        EXPECT_NEAR(aggregate, pairwise, 0.05 * pairwise);
      }
}

// Two collectives of different size share the uplinks of 2:1 leaves.
TEST(Contention, SlowsCollectivesOfDifferentSizeAsPairwiseFlowsDo) {
  for (const auto* transport : {"spray", "ecmp", "planned"}) {
    const auto study = scenario(
        "type: leaf-spine, nodes_per_leaf: 4, spines: 4, oversubscription: 2",
        "{name: small, collective: {type: all-to-all, bytes: 1 MiB}, gpus: [0, 2, 4, 6, 8, 10]}, "
        "{name: large, collective: {type: all-to-all, bytes: 4 MiB}, gpus: [1, 3, 5, 7, 9, 11, 13, "
        "15]}",
        transport);
    const auto pairwise = simulated(study, StudyFidelity::pairwise);
    const auto aggregate = simulated(study, StudyFidelity::aggregate);
    auto alone = study;
    alone.collectives.resize(1);
    const auto undisturbed = simulated(alone, StudyFidelity::aggregate);
    EXPECT_GT(aggregate[0], 1.2 * undisturbed[0]) << transport;
    for (const std::size_t c : {0, 1})
      EXPECT_NEAR(aggregate[c], pairwise[c], 0.05 * pairwise[c]) << transport << " " << c;
  }
}

// Two permutations that each fit the spines in many ways: a planner that saw one at a time would
// put both on the first spines.
TEST(Contention, LeavesNoneWherePathsOfAllCollectivesArePlanned) {
  const std::string fabric = "type: leaf-spine, nodes_per_leaf: 4, spines: 4";
  const std::string first =
                        "{name: a, collective: {type: permutation, shift: 2, bytes: 4 MiB}, "
                        "gpus: [0, 1, 4, 5]}",
                    second =
                        "{name: b, collective: {type: permutation, shift: 2, bytes: 4 MiB}, "
                        "gpus: [2, 3, 6, 7]}";
  for (const auto fidelity : {StudyFidelity::pairwise, StudyFidelity::aggregate}) {
    const auto alone = simulated(scenario(fabric, first, "planned"), fidelity);
    const auto both = simulated(scenario(fabric, first + ", " + second, "planned"), fidelity);
    for (const std::size_t c : {0, 1}) EXPECT_NEAR(both[c], alone[0], 1e-6 * alone[0]) << c;
  }
}

TEST(FailingLink, MovesTheTrafficToWhatIsLeft) {
  const std::string fabric = "type: leaf-spine, nodes_per_leaf: 4, spines: 4";
  const std::string ring = "{collective: {type: permutation, shift: 4, bytes: 16 MiB}}";
  for (const auto* transport : {"spray", "planned", "flow-split"}) {
    const auto whole = simulated(scenario(fabric, ring, transport), StudyFidelity::pairwise);
    const auto failing = simulated(
        scenario(fabric, ring, transport, ", links: [{from: leaf 0, to: spine 1, at: 100 us}]"),
        StudyFidelity::pairwise);
    EXPECT_EQ(whole.back(), 0);
    EXPECT_EQ(failing.back(), 1) << "the result says what happened";
    EXPECT_GT(failing.front(), 1.05 * whole.front()) << transport;
    // A third less bandwidth for what was left, twice where flows go whole: bytes are neither lost
    // nor sent again from the start.
    EXPECT_LT(failing.front(), 2 * whole.front()) << transport;
  }
}

// 100 us at full rate, then three quarters of the uplinks: 335.5 us of bytes become 100 + 235.5 x
// 4 / 3 for the leaf that lost one of four.
TEST(FailingLink, TakesAsLongAsWhatIsLeftAllows) {
  const auto failing =
      simulated(scenario("type: leaf-spine, nodes_per_leaf: 4, spines: 4",
                         "{collective: {type: permutation, shift: 4, bytes: 16 MiB}}", "spray",
                         ", links: [{from: leaf 0, to: spine 1, at: 100 us}]"),
                StudyFidelity::pairwise);
  const double bytes_s = 16.0 * (1 << 20) / 50e9;
  EXPECT_NEAR(failing.front(), 100e-6 + (bytes_s - 100e-6) * 4 / 3 + 2e-6, 1e-7);
}

// Link totals against every flow on its path, when the link fails while they move.
TEST(FailingLink, TakesAsLongInAggregateAsPairwise) {
  for (const auto* traffic : {"{collective: {type: permutation, shift: 4, bytes: 16 MiB}}",
                              "{collective: {type: all-to-all, bytes: 1 MiB}}",
                              "{collective: {type: moe-exchange, tokens: 500, zipf: 0.8}}"})
    for (const auto* transport : {"spray", "planned", "ecmp"})
      for (const auto* link : {"{from: leaf 0, to: spine 1, at: 100 us}",
                               "{from: leaf 0, to: spine 1, at: 100 us, speed: 0.25}"}) {
        SCOPED_TRACE(fmt::format("{} {} {}", traffic, transport, link));
        const auto study = scenario("type: leaf-spine, nodes_per_leaf: 4, spines: 4", traffic,
                                    transport, fmt::format(", links: [{}]", link));
        const auto pairwise = simulated(study, StudyFidelity::pairwise);
        const auto aggregate = simulated(study, StudyFidelity::aggregate);
        // A sprayed flow gets more shares of its NIC than one inside its leaf, piece by piece, and
        // has less left when the link slows down; link totals do not see that.
        EXPECT_NEAR(aggregate.front(), pairwise.front(), 0.09 * pairwise.front());
        EXPECT_EQ(aggregate.back(), 1) << "the result says what happened";
      }
}

// Two collectives that share links, in aggregate, before and after the failure.
TEST(FailingLink, SlowsBothCollectivesThatMeet) {
  const std::string fabric = "type: leaf-spine, nodes_per_leaf: 4, spines: 4";
  const std::string both =
      "{collective: {type: permutation, shift: 4, bytes: 16 MiB}}, {collective: {type: all-to-all, "
      "bytes: 1 MiB}}";
  const auto whole = simulated(scenario(fabric, both, "planned"), StudyFidelity::aggregate);
  const auto study =
      scenario(fabric, both, "planned", ", links: [{from: leaf 0, to: spine 1, at: 100 us}]");
  const auto failing = simulated(study, StudyFidelity::aggregate);
  const auto pairwise = simulated(study, StudyFidelity::pairwise);
  for (const std::size_t c : {0, 1}) {
    EXPECT_GE(failing[c], whole[c]);
    EXPECT_NEAR(failing[c], pairwise[c], 0.09 * pairwise[c]) << "as one alone";
  }
}

TEST(FailingLink, IsRefusedWhereTimesHaveNoClock) {
  const std::string text =
      "{kind: collective, cluster: {nodes: 8, node: hgx-h100, fabric: {type: leaf-spine, "
      "nodes_per_leaf: 4, spines: 2}, links: [{from: leaf 0, to: spine 1, at: 1 ms}]}, "
      "collectives: [{collective: all-to-all}], fidelity: ";
  try {
    read_collective_scenario(parse_yaml(text + "analytic}", "test"));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("use fidelity aggregate or pairwise"),
              std::string::npos);
  }
  EXPECT_NO_THROW(read_collective_scenario(parse_yaml(text + "aggregate}", "test")));
}

TEST(FailingLink, ThatIsTheOnlyPathIsRefused) {
  const auto study = scenario("type: leaf-spine, nodes_per_leaf: 4, spines: 1", kTraffic[0],
                              "spray", ", links: [{from: leaf 0, to: spine 0, at: 10 us}]");
  EXPECT_THROW(simulate_collectives(study, study.transports.front(), 0), InputError);
}

TEST(CollectiveScenario, RefusesWhatItCannotRun) {
  const auto text = [](const std::string& fabric, const std::string& traffic) {
    try {
      run_study(
          [&] {
            auto study = scenario(fabric, traffic, "spray");
            study.fidelity = StudyFidelity::analytic;
            return study;
          }(),
          {});
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(text("type: crossbar", "{collective: all-to-all, gpus: [0, 16]}")
                .find("GPU 16 is outside the cluster"),
            std::string::npos);
  EXPECT_NE(text("type: crossbar", "{collective: all-to-all, gpus: [3, 3]}").find("twice"),
            std::string::npos);
  EXPECT_NE(
      text("type: crossbar", "{collective: {type: send-recv, to: 99}}").find("rank 99 is outside"),
      std::string::npos);
  EXPECT_NE(text("type: crossbar",
                 "{collective: {type: all-reduce, algorithm: recursive-doubling}, gpus: [0, 1, 2]}")
                .find("power of two"),
            std::string::npos);
}

}  // namespace
}  // namespace moesim
