// The contract of slot "search", for every registered implementation: new trials only, within the
// budget, the same for the same scores, and better than nothing.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "sim/sweep/search.hpp"
#include "tests/contract/contract.hpp"
#include "tests/sweep/sweep_text.hpp"

namespace moesim {
namespace {

/// 7 x 5 x 3 designs less those that a condition excludes; the best is a = 5, b = 4, c = y.
class SearchContract : public ::testing::TestWithParam<std::string> {
 protected:
  Score score(const Trial& trial) const {
    const auto& choice = space_.choice(trial.design);
    const double a = choice[0] - 4, b = choice[1] - 3, c = choice[2] - 1;
    return {choice[1] == 4 ? 0.5 : 0.0, a * a + b * b + 3 * c * c};
  }
  std::vector<Trial> run() const {
    const auto search = contract::make<Search>(GetParam(), {space_});
    std::map<Trial, Score> known;
    std::vector<Trial> all;
    for (int round = 0; round < 100; ++round) {
      const auto trials = search->next([&](const Trial& trial) -> std::optional<Score> {
        const auto found = known.find(trial);
        return found == known.end() ? std::nullopt : std::optional(found->second);
      });
      if (trials.empty()) return all;
      for (const auto& trial : trials) known[trial] = score(trial);
      all.insert(all.end(), trials.begin(), trials.end());
    }
    ADD_FAILURE() << "does not end";
    return all;
  }
  SweepFile file_ = test::sweep_with_axes(
      "  a: {from: 1, to: 7, step: 1}\n  b: [1, 2, 3, 4, 5]\n  c: [x, y, z]\n",
      "where: a + b < 12\n");
  SweepSpace space_{file_};
};

TEST_P(SearchContract, AsksForEveryTrialOnce) {
  const auto trials = run();
  EXPECT_EQ(std::set<Trial>(trials.begin(), trials.end()).size(), trials.size());
  for (const auto& trial : trials) {
    EXPECT_LT(trial.design, space_.designs());
    EXPECT_GT(trial.length, 0);
    EXPECT_LE(trial.length, 1);
  }
}

TEST_P(SearchContract, KeepsToItsBudget) {
  double work = 0;
  for (const auto& trial : run()) work += trial.length;
  EXPECT_LE(work, 20 + 1) << "the example's budget, and one design of rounding";
  EXPECT_GT(work, 10);
}

TEST_P(SearchContract, DrawsTheSameAgain) { EXPECT_EQ(run(), run()); }

TEST_P(SearchContract, RunsSomeDesignInFullAndABetterOneThanTheMiddle) {
  std::vector<Score> all;
  for (std::size_t d = 0; d < space_.designs(); ++d) all.push_back(score({d, 1}));
  std::ranges::sort(all);
  std::vector<Score> found;
  for (const auto& trial : run())
    if (trial.length == 1) found.push_back(score(trial));
  ASSERT_FALSE(found.empty());
  EXPECT_LT(*std::ranges::min_element(found), all[all.size() / 2]);
}

INSTANTIATE_TEST_SUITE_P(Every, SearchContract,
                         ::testing::ValuesIn(contract::implementations<Search>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
