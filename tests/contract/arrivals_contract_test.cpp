// The contract of slot "arrivals", for every registered implementation at its example parameters.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sim/serving/arrivals.hpp"

namespace moesim {
namespace {

std::vector<std::string> implementations() {
  std::vector<std::string> names;
  for (const auto& [name, _] : slot_catalogue()["arrivals"].implementations) names.push_back(name);
  return names;
}

class ArrivalsContract : public ::testing::TestWithParam<std::string> {
 protected:
  static std::unique_ptr<Arrivals> make(std::uint64_t seed) {
    const auto& info = slot_catalogue()["arrivals"].implementations.at(GetParam());
    return Registry<Arrivals>::factories().at(GetParam())(info.resolve(info.example()), {seed});
  }
  static std::vector<double> times(std::uint64_t seed, int count) {
    const auto arrivals = make(seed);
    std::vector<double> all;
    for (int i = 0; i < count; ++i) all.push_back(arrivals->next().value);
    return all;
  }
};

TEST_P(ArrivalsContract, StartsAtOrAfterZeroAndNeverGoesBack) {
  double last = 0;
  for (const double time : times(1, 10'000)) {
    ASSERT_GE(time, last);
    last = time;
  }
  EXPECT_TRUE(std::isfinite(last));
}

TEST_P(ArrivalsContract, LeavesTheTimesOfAClosedLoopToCompletions) {
  const auto concurrency = make(1)->concurrency();
  const auto sample = times(1, 100);
  const bool all_zero = std::ranges::all_of(sample, [](double time) { return time == 0; });
  EXPECT_TRUE(all_zero || !concurrency);
  EXPECT_GE(concurrency.value_or(1), 1);
}

TEST_P(ArrivalsContract, GivesTheSameTimesForTheSameSeed) {
  EXPECT_EQ(times(7, 1000), times(7, 1000));
}

TEST_P(ArrivalsContract, DependsOnTheSeedExactlyWhenItSaysSo) {
  EXPECT_EQ(times(7, 1000) != times(8, 1000), make(7)->uses_seed());
}

TEST_P(ArrivalsContract, DescribesItselfAndItsParameters) {
  const auto& info = slot_catalogue()["arrivals"].implementations.at(GetParam());
  EXPECT_FALSE(info.doc.empty());
  for (const auto& parameter : info.parameters())
    EXPECT_FALSE(parameter.doc.empty()) << parameter.name;
}

INSTANTIATE_TEST_SUITE_P(Every, ArrivalsContract, ::testing::ValuesIn(implementations()),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(Arrivals, HoldsThePromisedImplementations) {
  const std::vector<std::string> promised = {"at-once", "closed-loop", "constant", "gamma",
                                             "poisson"};
  const auto registered = implementations();
  for (const auto& name : promised)
    EXPECT_NE(std::ranges::find(registered, name), registered.end()) << name;
}

}  // namespace
}  // namespace moesim
