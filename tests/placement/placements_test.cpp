#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/core/random.hpp"
#include "sim/placement/integer_programme.hpp"
#include "sim/placement/packing.hpp"

namespace moesim {
namespace {

std::vector<double> loads(std::size_t experts, std::uint64_t seed) {
  const RandomStream random(seed, 4);
  std::vector<double> values;
  for (std::uint64_t e = 0; e < experts; ++e) values.push_back(std::floor(100 * random.uniform(e)));
  return values;
}

double spread(const std::vector<std::int32_t>& cluster, const std::vector<double>& load) {
  std::vector<double> sum(4, 0);
  for (std::size_t e = 0; e < load.size(); ++e)
    sum[static_cast<std::size_t>(cluster[e])] += load[e];
  const double mean = std::accumulate(load.begin(), load.end(), 0.0) / 4;
  double out = 0;
  for (const double s : sum) out += std::abs(s - mean);
  return out;
}

TEST(MoeTuner, ClustersAreAsEqualAsBruteForceFinds) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const auto load = loads(8, seed);
    double best = 1e9;
    for (int code = 0; code < 1 << 16; ++code) {  // 4^8 assignments
      std::vector<std::int32_t> cluster;
      std::vector<int> size(4, 0);
      for (int e = 0; e < 8; ++e) {
        cluster.push_back(code >> (2 * e) & 3);
        ++size[static_cast<std::size_t>(cluster.back())];
      }
      if (std::ranges::all_of(size, [](int n) { return n == 2; }))
        best = std::min(best, spread(cluster, load));
    }
    const std::vector<std::int64_t> room(4, 2);
    EXPECT_NEAR(spread(balanced_clusters(load, room, 0), load), best, 1e-6) << seed;
  }
}

TEST(MoeTuner, AssignsClustersAsBruteForceDoes) {
  const auto traffic = loads(16, 9);
  std::vector<double> cost;
  for (int a = 0; a < 4; ++a)
    for (int b = 0; b < 4; ++b) cost.push_back(a == b ? 0 : a / 2 == b / 2 ? 1 : 9);
  const auto worst = [&](const std::vector<std::int32_t>& gpu) {
    double most = 0;
    for (std::size_t from = 0; from < 4; ++from)
      for (std::size_t c = 0; c < 4; ++c)
        most = std::max(most,
                        traffic[from * 4 + c] * cost[from * 4 + static_cast<std::size_t>(gpu[c])]);
    return most;
  };
  std::vector<std::int32_t> gpu = {0, 1, 2, 3};
  double best = 1e9;
  do best = std::min(best, worst(gpu));
  while (std::ranges::next_permutation(gpu).found);
  EXPECT_NEAR(worst(assign_clusters(traffic, cost, 4, 0)), best, 1e-6);
}

double busiest(const LayerPlacement& placement, const std::vector<double>& popularity) {
  double most = 0;
  for (std::size_t r = 0; r + 1 < placement.first_slot.size(); ++r) {
    double sum = 0;
    for (auto s = placement.first_slot[r]; s < placement.first_slot[r + 1]; ++s) {
      const auto e =
          static_cast<std::size_t>(placement.expert_of_slot[static_cast<std::size_t>(s)]);
      sum += popularity[e] / placement.replicas[e];
    }
    most = std::max(most, sum);
  }
  return most;
}

TEST(Placements, ThatBalanceLoadBeatContiguousOnes) {
  const auto popularity = loads(64, 5);
  const Placement::Context shape{64, 8, 8, 4, 8, 1};
  const auto of = [&](const std::string& name) {
    return busiest(Choice<Placement>(name).make(shape)->place(popularity), popularity);
  };
  const double contiguous = of("contiguous");
  const double mean = std::accumulate(popularity.begin(), popularity.end(), 0.0) / 8;
  for (const auto* name : {"longest-first", "min-cost-flow", "eplb"}) {
    EXPECT_LT(of(name), contiguous) << name;
    EXPECT_LT(of(name), 1.1 * mean) << name;
  }
}

TEST(Placements, CoActivationPutsExpertsOfTheSameTokensTogether) {
  // Tokens choose {0,4}, {1,5}, {2,6} or {3,7}: four ranks of two experts hold the pairs.
  std::vector<std::uint16_t> choices;
  for (std::uint16_t t = 0; t < 400; ++t)
    choices.insert(choices.end(),
                   {static_cast<std::uint16_t>(t % 4), static_cast<std::uint16_t>(t % 4 + 4)});
  const std::vector<double> popularity(8, 0.25);
  const std::vector<LayerSample> samples = {{popularity, choices, 2}};
  const auto placed =
      Choice<Placement>("co-activation").make({8, 0, 4, 4, 1, 1})->place_all(samples);
  for (std::size_t r = 0; r < 4; ++r)
    EXPECT_EQ(std::abs(placed[0].expert_of_slot[2 * r] - placed[0].expert_of_slot[2 * r + 1]), 4);
}

}  // namespace
}  // namespace moesim
