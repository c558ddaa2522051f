// Fidelity `aggregate`: groups that load the same links slow each other down, and only those.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

// Three GPUs and one NIC per node; a replica of four spans two nodes, so neighbouring replicas meet
// on a NIC.
std::string scenario(int replicas, const char* fidelity) {
  return fmt::format(R"(
model: {{name: llama-3.1-8b}}
cluster: {{nodes: 4, node: {{profile: hgx-h100, gpus: 3, nics: 1}}}}
parallel: {{tensor: 4, data: {0}}}
workload: {{requests: {0}, arrivals: at-once, lengths: {{type: fixed, input: 8000, output: 1}}}}
engine: {{request_router: round-robin}}
network: {{fidelity: {1}}}
)",
                     replicas, fidelity);
}

TEST(Contention, ALoneGroupRunsAsInTheAnalyticModel) {
  const auto results = test::run_scenarios({scenario(1, "analytic"), scenario(1, "aggregate")});
  EXPECT_NEAR(results[1].e2e_s.mean, results[0].e2e_s.mean, 1e-9 * results[0].e2e_s.mean);
}

TEST(Contention, ReplicasThatShareANicSlowEachOtherDown) {
  const auto results = test::run_scenarios(
      {scenario(3, "analytic"), scenario(3, "aggregate"), scenario(1, "aggregate")});
  EXPECT_NEAR(results[0].requests[0].e2e_s, results[2].requests[0].e2e_s,
              1e-6 * results[0].requests[0].e2e_s)
      << "without contention the first replica does not notice the others";
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_GT(results[1].requests[i].e2e_s, 1.05 * results[0].requests[i].e2e_s) << i;
    EXPECT_LT(results[1].requests[i].e2e_s, 2.0 * results[0].requests[i].e2e_s)
        << "at most two meet on a link";
  }
  EXPECT_LE(results[1].network->max_link_utilization, 1);
}

}  // namespace
}  // namespace moesim
