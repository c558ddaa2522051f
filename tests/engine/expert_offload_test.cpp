// Which choices the tokens of a step follow.
#include "sim/engine/expert_offload.hpp"

#include <gtest/gtest.h>

#include "models/architecture/catalog.hpp"

namespace moesim {
namespace {

ExpertOffload offload(const std::string& by_request) {
  const auto config = ExpertMemoryConfig::parameters().read(
      parse_yaml("{slots_per_layer: 8, tiers: [{name: host, capacity: 1 TB, bandwidth: 25 GB/s}], "
                 "by_request: " +
                     by_request + "}",
                 "f"));
  const auto routing = RoutingConfig::parameters().read(
      parse_yaml("{source: {type: sticky, sigma: 0}, pool_tokens: 1024}", "f"));
  return {config, load_model("mixtral-8x7b", {}).architecture, routing, Bytes(352e6), 1};
}

std::vector<std::int32_t> counts(const ExpertOffload& offload, std::int64_t layer) {
  ExpertLoads loads;
  offload.loads(layer, loads);
  return loads.per_expert;
}

RankBatch batch(const std::vector<Chunk>& chunks) {
  RankBatch all;
  for (const auto& chunk : chunks) all.add(chunk, true);
  return all;
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

}  // namespace
}  // namespace moesim
