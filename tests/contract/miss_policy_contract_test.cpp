// The contract of slot "miss policy", for every registered one.
#include <gtest/gtest.h>

#include "sim/cache/miss_policy.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

constexpr CacheShape kMissed{4, 8, 2};
using Action = MissPolicy::Answer::Action;

class MissPolicyContract : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<MissPolicy> policy_ = contract::make<MissPolicy>(GetParam(), {kMissed, 3});
  static MissPolicy::Question question(std::int64_t n) {
    MissPolicy::Question question;
    question.id = static_cast<ExpertId>(n % kMissed.all());
    question.step = n / kMissed.all();
    question.rank = n % 2;
    question.tokens = 1 + n % 3;
    question.load_time = Seconds(0.01);
    question.gpu_time = Seconds(0.001);
    return question;
  }
};

TEST_P(MissPolicyContract, AnswersWithAShareOfTheBytesAndTimesThatAreNotNegative) {
  for (std::int64_t n = 0; n < 500; ++n) {
    const auto answer = policy_->answer(question(n));
    ASSERT_GT(answer.share, 0);
    ASSERT_LE(answer.share, 1);
    ASSERT_GE(answer.extra.value, 0);
    ASSERT_GE(answer.cpu_time.value, 0);
  }
}

TEST_P(MissPolicyContract, NeverSkipsATokensFirstChoice) {
  for (std::int64_t n = 0; n < 500; n += 2)
    EXPECT_NE(policy_->answer(question(n)).action, Action::skip);
}

TEST_P(MissPolicyContract, GivesTheSameAnswerAgain) {
  const auto other = contract::make<MissPolicy>(GetParam(), {kMissed, 3});
  for (std::int64_t n = 499; n >= 0; --n) {
    const auto a = policy_->answer(question(n)), b = other->answer(question(n));
    ASSERT_EQ(a.action, b.action);
    ASSERT_EQ(a.share, b.share);
  }
}

TEST(LowerPrecision, SplitsMixtralsMissesAsThePaperDoes) {
  // HOBBIT, arXiv 2411.01433 section 3.2: 67 % full, 30 % small, 3 % skipped at T1 0.6, T2 0.9.
  const auto policy = contract::make<MissPolicy>("lower-precision", {{32, 8, 2}, 7});
  int full = 0, small = 0, skipped = 0;
  const int all = 20'000;
  for (int n = 0; n < all; ++n) {
    MissPolicy::Question question;
    question.step = n / 2;
    question.rank = n % 2;
    const auto answer = policy->answer(question);
    if (answer.action == Action::skip)
      ++skipped;
    else
      ++(answer.share < 1 ? small : full);
  }
  EXPECT_NEAR(static_cast<double>(full) / all, 0.67, 0.01);
  EXPECT_NEAR(static_cast<double>(small) / all, 0.30, 0.03);
  EXPECT_NEAR(static_cast<double>(skipped) / all, 0.03, 0.03);
}

INSTANTIATE_TEST_SUITE_P(Every, MissPolicyContract,
                         ::testing::ValuesIn(contract::implementations<MissPolicy>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
