// Which choices the tokens of a step follow.
#include "sim/engine/expert_offload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "models/architecture/catalog.hpp"

namespace moesim {
namespace {

const Bytes kExpert{352e6};

ExpertOffload offload_with(const std::string& more, OffloadGroup group = {}) {
  const auto config = ExpertMemoryConfig::parameters().read(
      parse_yaml("{tiers: [{name: host, capacity: 1 TB, bandwidth: 25 GB/s}], " + more + "}", "f"));
  const auto routing = RoutingConfig::parameters().read(
      parse_yaml("{source: {type: sticky, sigma: 0}, pool_tokens: 1024}", "f"));
  return {config,          load_model("mixtral-8x7b", {}).architecture, routing, kExpert, 1,
          std::move(group)};
}

ExpertOffload offload(const std::string& by_request) {
  return offload_with("slots_per_layer: 8, by_request: " + by_request);
}

std::vector<std::int32_t> counts(const ExpertOffload& offload, std::int64_t layer) {
  ExpertLoads loads;
  offload.loads(layer, loads);
  return loads.per_expert;
}

std::vector<RankBatch> batch(const std::vector<Chunk>& chunks) {
  RankBatch all;
  for (const auto& chunk : chunks) all.add(chunk, true);
  return {all};
}

TEST(ExpertOffload, ByRequestATokenHasItsChoicesWhateverElseRuns) {
  auto alone = offload("true"), beside = offload("true");
  beside.start_step(batch({{5, 0, 0, 3}}));  // another request before, another one beside
  alone.start_step(batch({{7, 2, 0, 9}}));
  beside.start_step(batch({{1, 5, 0, 3}}));
  const auto other = counts(beside, 4);
  beside.start_step(batch({{1, 5, 0, 3}, {7, 2, 0, 9}}));
  auto both = counts(alone, 4);
  for (std::size_t e = 0; e < both.size(); ++e) both[e] += other[e];
  EXPECT_EQ(counts(beside, 4), both);
}

TEST(ExpertOffload, ByRequestTheFirstChoiceIsKnownBeforehand) {
  auto known = offload("true");
  for (std::int64_t position = 0; position < 20; ++position) {
    const auto expert = known.first_choice(4, position);
    known.start_step(batch({{1, position, 0, 4}}));
    EXPECT_EQ(counts(known, 0)[static_cast<std::size_t>(expert)], 1) << position;
  }
}

TEST(ExpertOffload, OtherwiseTokensFollowOneStreamInTheOrderOfComputation) {
  auto one = offload("false"), other = offload("false");
  one.start_step(batch({{6, 0, 0, 1}}));
  other.start_step(batch({{2, 0, 0, 8}, {4, 100, 0, 9}}));
  EXPECT_EQ(counts(one, 7), counts(other, 7));
}

/// Mixtral's 32 layers on `ranks`, the second half of them turned round.
OffloadGroup spread(std::int64_t ranks, std::int64_t split = 1) {
  std::vector<std::int32_t> order(8);
  std::iota(order.begin(), order.end(), 0);
  static std::vector<LayerPlacement> placements;
  placements.clear();
  for (int layer = 0; layer < 32; ++layer) {
    if (layer == 16) std::reverse(order.begin(), order.end());
    placements.push_back(placement_of_slots(order, 8, ranks));
  }
  OffloadGroup group;
  group.ranks = ranks;
  group.split = split;
  group.gpus_of_node = ranks * split;
  for (const auto& placement : placements) group.placed.push_back(&placement);
  return group;
}

Seconds a_millisecond(std::size_t, std::span<const std::int32_t> tokens) {
  return Seconds(std::ranges::any_of(tokens, [](auto n) { return n > 0; }) ? 1e-3 : 0);
}

/// Steps of two data ranks with a token each; the time that layers took.
double run(ExpertOffload& offload, int steps) {
  double all = 0;
  for (int step = 0; step < steps; ++step) {
    const RankBatch one = batch({{1, 7, 0, 1}}).front();
    const std::vector<RankBatch> both = {one, one};
    offload.start_step(both);
    for (std::int64_t layer = 0; layer < 32; ++layer) {
      Seconds slowest(0);
      for (const auto& time : offload.layer(layer, a_millisecond))
        slowest = std::max(slowest, time.stall + time.compute);
      all += slowest.value;
    }
  }
  return all;
}

TEST(ExpertOffload, EveryRankCachesTheExpertsThatThePlacementGivesIt) {
  auto one = offload_with("slots_per_layer: 4"),
       two = offload_with("slots_per_layer: 2", spread(2));
  run(one, 50);
  run(two, 50);
  const auto all = [](const ExpertMemoryCounts& c) { return c.hits + c.late + c.misses; };
  EXPECT_EQ(all(two.counts(0)) + all(two.counts(1)), all(one.counts()));
  ExpertLoads whole, parts;
  for (const std::int64_t layer : {0, 20}) {
    one.loads(layer, whole);
    two.loads(layer, parts);
    EXPECT_EQ(parts.per_expert, whole.per_expert);
    EXPECT_EQ(parts.distinct, whole.distinct);
    const auto& loads = whole.per_expert;
    const auto low = std::accumulate(loads.begin(), loads.begin() + 4, 0.0);
    EXPECT_DOUBLE_EQ(parts.per_rank[layer < 16 ? 0 : 1], low);
    EXPECT_DOUBLE_EQ(parts.per_rank[0] + parts.per_rank[1], whole.per_rank[0]);
  }
  for (const std::size_t rank : {0, 1}) {
    const auto& counts = two.counts(rank);
    EXPECT_GT(counts.hits, 0);
    EXPECT_DOUBLE_EQ(counts.bytes_loaded.value, static_cast<double>(counts.misses) * 352e6);
    EXPECT_DOUBLE_EQ(counts.link_bytes[0].value, counts.bytes_loaded.value);
  }
  EXPECT_DOUBLE_EQ(two.counts().bytes_loaded.value,
                   (two.counts(0).bytes_loaded + two.counts(1).bytes_loaded).value);
}

TEST(ExpertOffload, RanksThatHoldAllTheirExpertsNeverWait) {
  auto offload = offload_with("slots_per_layer: 2, preload: popular", spread(4));
  EXPECT_NEAR(run(offload, 20), 20 * 32 * 1e-3, 1e-9);
  EXPECT_EQ(offload.counts().misses, 0);
  EXPECT_EQ(offload.counts().bytes_loaded.value, 0);
}

TEST(ExpertOffload, RanksBehindOneSwitchContend) {
  auto switched = spread(2);
  switched.limits = {{BytesPerSecond(25e9), 0, {1, 1}}};
  auto apart = offload_with("slots_per_layer: 2, staging: 2", spread(2));
  auto together = offload_with("slots_per_layer: 2, staging: 2", std::move(switched));
  const auto one = run(apart, 50), shared = run(together, 50);
  EXPECT_GT(shared, 1.2 * one);
  EXPECT_LT(shared, 2 * one);
  for (const std::size_t rank : {0, 1}) {
    EXPECT_DOUBLE_EQ(together.counts(rank).bytes_loaded.value,
                     apart.counts(rank).bytes_loaded.value);
    EXPECT_EQ(together.counts(rank).hits, apart.counts(rank).hits);
  }
  EXPECT_GE(shared, together.counts().bytes_loaded.value / 25e9);
}

TEST(ExpertOffload, GpusThatSplitAnExpertLoadAPartOfItEach) {
  auto whole = offload_with("slots_per_layer: 4"),
       split = offload_with("slots_per_layer: 4", spread(1, 4));
  run(whole, 30);
  run(split, 30);
  EXPECT_DOUBLE_EQ(split.counts().bytes_loaded.value, whole.counts().bytes_loaded.value);
  EXPECT_DOUBLE_EQ(split.counts(0).bytes_loaded.value, whole.counts().bytes_loaded.value / 4);
  EXPECT_NEAR(split.counts().stall.value, whole.counts().stall.value / 4, 1e-9);
}

}  // namespace
}  // namespace moesim
