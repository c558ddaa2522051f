// The contract of slot "cost tier", for every registered implementation: positive, finite, zero for
// nothing, and never less for more work.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "models/cost/cost_model.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

constexpr std::int64_t kSteps[] = {1, 2, 3, 8, 15, 16, 17, 64, 100, 512, 4096};

class CostTierContract : public ::testing::TestWithParam<std::string> {
 protected:
  /// Tier `residual` follows measured kernels, which now and then do more work in less time (a
  /// larger tile fits better); by half of the time at most in the measured tables.
  static void never_falls(const char* what,
                          const std::function<Prediction(std::int64_t)>& predict) {
    const double allowed = GetParam() == "residual" ? 0.6 : 1;
    double last = 0;
    for (const auto step : kSteps) {
      const double time = predict(step).time.value;
      EXPECT_TRUE(std::isfinite(time)) << what << " " << step;
      EXPECT_GT(time, 0) << what << " " << step;
      EXPECT_GE(time, allowed * last) << what << " " << step;
      last = time;
    }
    EXPECT_GT(last, 0);
  }
  std::unique_ptr<CostModel> cost_ =
      contract::make<CostModel>(GetParam(), {load_device(data_path("models/device"), "h200-sxm")});
};

TEST_P(CostTierContract, GemmsCostMoreInEveryDimension) {
  for (const auto weight : {Dtype::bf16, Dtype::fp8, Dtype::int4}) {
    never_falls("m", [&](std::int64_t n) {
      return cost_->gemm({n, 4096, 4096, weight, Dtype::bf16});
    });
    never_falls("n", [&](std::int64_t n) {
      return cost_->gemm({64, 32 * n, 4096, weight, Dtype::bf16});
    });
    never_falls("k", [&](std::int64_t n) {
      return cost_->gemm({64, 4096, 32 * n, weight, Dtype::bf16});
    });
  }
}

ExpertWork work(std::span<const std::int32_t> tokens, std::int64_t entering) {
  ExpertWork w;
  w.hidden = 2048;
  w.intermediate = 768;
  w.tokens = entering;
  w.tokens_per_expert = tokens;
  return w;
}

TEST_P(CostTierContract, ExpertsCostMoreWithMoreTokensMoreActiveOnesAndLargerMatrices) {
  never_falls("tokens of every expert", [&](std::int64_t n) {
    const std::vector<std::int32_t> tokens(16, static_cast<std::int32_t>(n));
    return cost_->experts(work(tokens, 4 * n));
  });
  never_falls("active experts", [&](std::int64_t n) {
    std::vector<std::int32_t> tokens(4096, 0);
    std::fill_n(tokens.begin(), n, 3);
    return cost_->experts(work(tokens, n));
  });
  const std::vector<std::int32_t> tokens(16, 5);
  never_falls("hidden", [&](std::int64_t n) {
    auto w = work(tokens, 20);
    w.hidden = 16 * n;
    return cost_->experts(w);
  });
  never_falls("intermediate", [&](std::int64_t n) {
    auto w = work(tokens, 20);
    w.intermediate = 16 * n;
    return cost_->experts(w);
  });
}

AttentionShape grouped_query() {
  AttentionShape shape;
  shape.heads = 32;
  shape.kv_heads = 8;
  shape.head_dim = 128;
  return shape;
}

AttentionShape latent() {
  AttentionShape shape;
  shape.kind = AttentionKind::kMultiHeadLatent;
  shape.heads = 16;
  shape.kv_lora_rank = 512;
  shape.qk_nope_head_dim = 128;
  shape.qk_rope_head_dim = 64;
  shape.v_head_dim = 128;
  return shape;
}

TEST_P(CostTierContract, AttentionCostsMoreWithMoreContext) {
  for (const auto& shape : {grouped_query(), latent()}) {
    never_falls("decode context", [&](std::int64_t n) {
      return cost_->attention(shape, {4, 1000.0 * static_cast<double>(n), 0, 0, 0});
    });
    never_falls("sequences", [&](std::int64_t n) {
      return cost_->attention(shape, {n, 1000.0 * static_cast<double>(n), 0, 0, 0});
    });
    never_falls("prompt", [&](std::int64_t n) {
      const double tokens = static_cast<double>(n);
      return cost_->attention(shape, {0, 0, tokens, tokens * (tokens + 1) / 2, tokens});
    });
    const auto decode = cost_->attention(shape, {4, 4000, 0, 0, 0}).time;
    const auto both = cost_->attention(shape, {4, 4000, 100, 5050, 100}).time;
    EXPECT_GT(both, decode);
  }
}

TEST_P(CostTierContract, ElementwiseWorkCostsMoreWithMoreBytes) {
  never_falls("bytes", [&](std::int64_t n) {
    return cost_->elementwise(Bytes(1e4 * static_cast<double>(n)), 2);
  });
}

TEST_P(CostTierContract, NothingCostsNothing) {
  EXPECT_EQ(cost_->gemm({0, 4096, 4096, Dtype::bf16, Dtype::bf16}).time.value, 0);
  const std::vector<std::int32_t> idle(16, 0);
  EXPECT_EQ(cost_->experts(work(idle, 0)).time.value, 0);
  EXPECT_EQ(cost_->attention(grouped_query(), {}).time.value, 0);
  EXPECT_EQ(cost_->elementwise(Bytes(0), 0).time.value, 0);
}

INSTANTIATE_TEST_SUITE_P(Every, CostTierContract,
                         ::testing::ValuesIn(contract::implementations<CostModel>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
