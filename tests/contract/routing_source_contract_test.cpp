// The contract of slot "routing source", for every registered implementation; `trace` reads a file
// written here.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "sim/routing/choice_source.hpp"
#include "tests/contract/contract.hpp"
#include "tests/report/temporary_directory.hpp"

namespace moesim {
namespace {

constexpr ChoiceSource::Context kChoices{7, 3, 16, 4};  // seed, MoE layers, experts, top-k

class RoutingSourceContract : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<ChoiceSource> source(const ChoiceSource::Context& shape = kChoices) {
    if (GetParam() != "trace") return contract::make<ChoiceSource>(GetParam(), shape);
    const auto path = directory_.file("routing.csv");
    std::ofstream file(path);
    file << "seq,l1,l2,l3\n";
    for (int token = 0; token < 300; ++token) {
      file << token;
      for (int layer = 0; layer < 3; ++layer) {
        file << ',';
        for (int k = 0; k < 4; ++k) file << (k ? " " : "") << (token * (layer + 1) + 3 * k) % 16;
      }
      file << '\n';
    }
    file.close();
    return Value<Choice<ChoiceSource>>::read(parse_yaml("{type: trace, file: " + path + "}", "f"))
        .make(shape);
  }
  Choices sample(ChoiceSource& from, std::int64_t layer, std::int64_t tokens = 200) {
    return from.sample(layer, tokens, *router_);
  }
  testing::TemporaryDirectory directory_;
  std::unique_ptr<Router> router_ = contract::make<Router>("top-k", {16, 4, 1, 1});
};

TEST_P(RoutingSourceContract, GivesEveryTokenDistinctExpertsThatExist) {
  const auto from = source();
  for (std::int64_t layer = 0; layer < 3; ++layer) {
    const auto choices = sample(*from, layer);
    ASSERT_EQ(choices.top_k, 4);
    ASSERT_EQ(choices.tokens(), 200);
    ASSERT_EQ(choices.experts.size(), 800u);
    for (std::size_t t = 0; t < 200; ++t) {
      const std::set<std::uint16_t> ids(
          choices.experts.begin() + static_cast<std::ptrdiff_t>(4 * t),
          choices.experts.begin() + static_cast<std::ptrdiff_t>(4 * t + 4));
      ASSERT_EQ(ids.size(), 4u);
      ASSERT_LT(*ids.rbegin(), 16);
    }
  }
}

TEST_P(RoutingSourceContract, GivesTheSameChoicesForTheSameSeedAndLayerInAnyOrder) {
  const auto a = source(), b = source();
  const auto first = sample(*a, 0).experts, second = sample(*a, 1).experts;
  EXPECT_EQ(sample(*b, 1).experts, second);
  EXPECT_EQ(sample(*b, 0).experts, first);
}

TEST_P(RoutingSourceContract, GivesItsTokensWhateverTheirNumber) {
  for (const std::int64_t tokens : {1, 2, 64, 250})
    EXPECT_EQ(sample(*source(), 0, tokens).tokens(), tokens);
}

TEST_P(RoutingSourceContract, UsesEveryExpertInTheLongRun) {
  const auto choices = sample(*source(), 0, 300);
  EXPECT_EQ(std::set(choices.experts.begin(), choices.experts.end()).size(), 16u);
}

TEST_P(RoutingSourceContract, ItsWeightsArePositiveWhereItKnowsThem) {
  const auto weights = source()->weights(1);
  EXPECT_TRUE(weights.empty() || weights.size() == 16);
  for (const double weight : weights) EXPECT_GT(weight, 0);
}

INSTANTIATE_TEST_SUITE_P(Every, RoutingSourceContract,
                         ::testing::ValuesIn(contract::implementations<ChoiceSource>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
