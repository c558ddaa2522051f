// The contract of slot "lengths", for every registered implementation at its example parameters.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/serving/lengths.hpp"

namespace moesim {
namespace {

std::vector<std::string> lengths_policies() {
  std::vector<std::string> names;
  for (const auto& [name, _] : slot_catalogue()["lengths"].implementations) names.push_back(name);
  return names;
}

class LengthsContract : public ::testing::TestWithParam<std::string> {
 protected:
  static std::unique_ptr<Lengths> make(std::uint64_t seed) {
    const auto& info = slot_catalogue()["lengths"].implementations.at(GetParam());
    return Registry<Lengths>::factories().at(GetParam())(info.resolve(info.example()), {seed});
  }
  static std::vector<Lengths::Tokens> first(std::uint64_t seed, std::int64_t count) {
    const auto lengths = make(seed);
    std::vector<Lengths::Tokens> all;
    for (std::int64_t i = 0; i < count; ++i) all.push_back(lengths->at(i));
    return all;
  }
};

TEST_P(LengthsContract, EveryRequestHasAtLeastOneTokenEachWay) {
  for (const auto& tokens : first(1, 10'000)) {
    ASSERT_GE(tokens.input, 1);
    ASSERT_GE(tokens.output, 1);
  }
}

TEST_P(LengthsContract, GivesTheSameLengthsForTheSameSeedInAnyOrder) {
  const auto forward = first(7, 500);
  const auto lengths = make(7);
  for (std::int64_t i = 499; i >= 0; --i)
    ASSERT_EQ(lengths->at(i), forward[static_cast<std::size_t>(i)]) << i;
}

TEST_P(LengthsContract, DependsOnTheSeedExactlyWhenItSaysSo) {
  EXPECT_EQ(first(7, 500) != first(8, 500), make(7)->uses_seed());
}

TEST_P(LengthsContract, DescribesItselfAndItsParameters) {
  const auto& info = slot_catalogue()["lengths"].implementations.at(GetParam());
  EXPECT_FALSE(info.doc.empty());
  for (const auto& parameter : info.parameters())
    EXPECT_FALSE(parameter.doc.empty()) << parameter.name;
}

INSTANTIATE_TEST_SUITE_P(Every, LengthsContract, ::testing::ValuesIn(lengths_policies()),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(Lengths, HoldsThePromisedImplementations) {
  const std::vector<std::string> promised = {"empirical", "fixed", "log-normal", "trace",
                                             "uniform"};
  const auto registered = lengths_policies();
  for (const auto& name : promised)
    EXPECT_NE(std::ranges::find(registered, name), registered.end()) << name;
}

}  // namespace
}  // namespace moesim
