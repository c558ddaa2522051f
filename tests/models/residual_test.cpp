#include "models/cost/residual.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

namespace moesim {
namespace {

constexpr std::int64_t kHeads = 32, kKvHeads = 8;

/// Sequences 1 to 64, lengths 128 to 32768 in steps of four; `log_ratio(sequences, length)`.
template <class LogRatio>
AttentionResidual attention_grid_of(LogRatio log_ratio) {
  const std::vector<std::int64_t> batch = {1, 2, 4, 8, 16, 32, 64},
                                  length = {128, 512, 2048, 8192, 32768};
  AttentionResidual::Grid grid{{kHeads, kKvHeads}, {}};
  for (const auto b : batch)
    for (const auto l : length) grid.log_ratio.push_back(log_ratio(b, l));
  return {batch, length, {grid}};
}

TEST(AttentionResidual, FollowsEqualTokensWhereTheKernelChangesWithTheLength) {
  const auto changes_at_8192_tokens = [](std::int64_t batch, std::int64_t length) {
    return batch * length > 8192 ? 0.5F : 0.0F;
  };
  const auto grid = attention_grid_of(changes_at_8192_tokens);
  // Measured at 2048 and 8192 only; 8 x 1024 lies between 16 x 512 and 4 x 2048, both unchanged.
  EXPECT_NEAR(grid.at(kHeads, kKvHeads, 8, 1024).log_ratio, 0, 0.02);
  EXPECT_NEAR(grid.at(kHeads, kKvHeads, 16, 1024).log_ratio, 0.5, 0.02);
}

TEST(AttentionResidual, FollowsTheLengthWhereTheKernelChangesWithTheSequences) {
  const auto changes_at_eight_sequences = [](std::int64_t batch, std::int64_t) {
    return batch >= 8 ? 0.5F : 0.0F;
  };
  const auto grid = attention_grid_of(changes_at_eight_sequences);
  EXPECT_NEAR(grid.at(kHeads, kKvHeads, 8, 1024).log_ratio, 0.5, 0.02);
  EXPECT_NEAR(grid.at(kHeads, kKvHeads, 4, 1024).log_ratio, 0, 0.02);
}

TEST(AttentionResidual, IsWhatWasMeasuredWhereItWasMeasured) {
  const auto grid = attention_grid_of([](std::int64_t batch, std::int64_t length) {
    return static_cast<float>(std::sin(static_cast<double>(batch * 7 + length)));
  });
  for (const std::int64_t batch : {1, 8, 64})
    for (const std::int64_t length : {128, 2048, 32768}) {
      const auto found =
          grid.at(kHeads, kKvHeads, static_cast<double>(batch), static_cast<double>(length));
      EXPECT_NEAR(found.log_ratio, std::sin(static_cast<double>(batch * 7 + length)), 1e-6);
      EXPECT_TRUE(found.inside);
    }
}

/// Two models of which 8 experts of 4096 x 512 lie on a rank.
class TwoModels : public ::testing::Test {
 protected:
  static constexpr std::int64_t kLocal = 8;
  static ExpertsResidual::Curves constant(float log_ratio) {
    return {{{std::log(8.F), 0.F, std::log(8.F), log_ratio},
             {std::log(64.F), std::log(8.F), std::log(8.F), log_ratio}}};
  }
  ExpertsResidual residual(ExpertsResidual::Shares shares) const {
    return {{{{4096, 512, kLocal, 64, 4}, constant(0.8F)},
             {{4096, 512, kLocal, 128, 8}, constant(-0.2F)}},
            shares};
  }
  double log_ratio(const ExpertsResidual& residual, std::int64_t experts, std::int64_t topk) const {
    ExpertWork work;
    work.hidden = 4096, work.intermediate = 512, work.tokens = 32;
    work.tokens_per_expert = rows_;
    work.experts = experts, work.topk = topk;
    return residual.at(work, {32, kLocal, 32, 4}).log_ratio;
  }
  std::array<std::int32_t, kLocal> rows_ = {4, 4, 4, 4, 4, 4, 4, 4};
};

TEST_F(TwoModels, KeepTheirTimesApartThoughTheyLeaveARankTheSameExperts) {
  const auto both = residual({});
  EXPECT_NEAR(log_ratio(both, 64, 4), 0.8, 1e-6);
  EXPECT_NEAR(log_ratio(both, 128, 8), -0.2, 1e-6);
}

TEST_F(TwoModels, ServeAThirdTheMoreTheNearerTheyAreToIt) {
  const auto all = residual({1, 0}), half = residual({0.5, 0}), nothing = residual({0, 0});
  const double near_second = log_ratio(all, 128, 7), near_first = log_ratio(all, 64, 5);
  EXPECT_LT(near_second, 0.2);
  EXPECT_GT(near_first, 0.4);
  EXPECT_LT(near_first, 0.8);  // of the first alone
  EXPECT_NEAR(log_ratio(half, 64, 5), near_first / 2, 1e-6);
  EXPECT_EQ(log_ratio(nothing, 64, 5), 0);
}

TEST_F(TwoModels, SayLittleOfOneThatIsFarFromBoth) {
  EXPECT_NEAR(log_ratio(residual({1, 0}), 64 * 65536, 4), 0, 0.05);
}

TEST_F(TwoModels, ServeWorkThatDoesNotSayOfWhichModelItIs) {
  EXPECT_NEAR(log_ratio(residual({0, 0}), 0, 0), 0.3, 1e-6);
}

/// A layer of 64 experts of which a token takes 8; 8 of them lie on the rank.
class OneModel : public ::testing::Test {
 protected:
  static constexpr std::int64_t kLocal = 8;
  static ExpertsResidual::Point point(float assigned, std::int32_t tokens, float log_ratio) {
    return {std::log(assigned), std::log(assigned / kLocal), std::log(8.F), log_ratio, tokens};
  }
  static ExpertsResidual residual(ExpertsResidual::Curves curves, double steps) {
    return {{{{4096, 512, kLocal, 64, 8}, std::move(curves)}}, {1, steps}};
  }
  static double log_ratio(const ExpertsResidual& residual, std::int64_t assigned,
                          std::int64_t tokens) {
    const std::vector<std::int32_t> rows(kLocal, static_cast<std::int32_t>(assigned / kLocal));
    ExpertWork work;
    work.hidden = 4096, work.intermediate = 512;
    work.tokens = tokens;
    work.tokens_per_expert = rows;
    work.experts = 64, work.topk = 8;
    return residual.at(work, {assigned, kLocal, assigned, assigned / kLocal}).log_ratio;
  }
};

// 8 rows of an expert, then 16: 12 need the tile of 16, whatever lies between them on a line.
TEST_F(OneModel, ChangesAtPowersOfTwoByTheShareOfSteps) {
  const ExpertsResidual::Curves curve = {{point(64, 64, 0), point(128, 128, 0.4F)}};
  EXPECT_NEAR(log_ratio(residual(curve, 1), 96, 96), 0.4, 1e-6);
  EXPECT_NEAR(log_ratio(residual(curve, 0), 96, 96), 0.4 * std::log2(1.5), 1e-6);
  EXPECT_NEAR(log_ratio(residual(curve, 0.5), 96, 96), 0.2 * (1 + std::log2(1.5)), 1e-6);
  EXPECT_NEAR(log_ratio(residual(curve, 1), 64, 64), 0, 1e-6);
  EXPECT_NEAR(log_ratio(residual(curve, 1), 128, 128), 0.4, 1e-6);
}

TEST_F(OneModel, FollowsTheCurveOfAsManyTokensWhereARankHasAsManyRows) {
  const auto both =
      residual({{point(64, 16, 1), point(512, 128, 1)}, {point(64, 64, 0), point(512, 512, 0)}}, 0);
  EXPECT_GT(log_ratio(both, 128, 32), 0.99);
  EXPECT_LT(log_ratio(both, 128, 128), 0.01);
}

}  // namespace
}  // namespace moesim
