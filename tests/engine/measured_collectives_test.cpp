// Collectives inside a node that take the time that was measured for them.
#include "sim/transport/measured_collectives.hpp"

#include <gtest/gtest.h>

#include "models/architecture/catalog.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"
#include "sim/engine/lockstep.hpp"

namespace moesim {
namespace {

const Location kFirstNode{"test.yaml", 1, 1};

Network make_network(const std::string& yaml) {
  return Network(ClusterConfig::parameters().read(parse_yaml(yaml, "test")));
}

std::vector<int> first(int n) {
  std::vector<int> gpus;
  for (int i = 0; i < n; ++i) gpus.push_back(i);
  return gpus;
}

struct MeasuredEngine {
  Model model;
  Layout layout;
  Network network = make_network("{node: hgx-h100}");
  std::unique_ptr<CostModel> cost =
      Choice<CostModel>("spec").make({load_device(data_path("models/device"), "h100-sxm")});
  MoeLayers moe;
  NetworkConfig transport;
  Totals totals;
  MeasuredCollectives measured{"h100-sxm"};

  MeasuredEngine(const std::string& name, const ParallelConfig& degrees)
      : model(load_model(name)),
        layout(degrees, model.architecture, 0, 8, kFirstNode),
        moe(model.architecture, balanced(), degrees.expert, 1) {
    totals.link_bytes.assign(network.links().size(), 0);
    totals.expert_tokens.assign(
        static_cast<std::size_t>(moe.layers()),
        std::vector<double>(static_cast<std::size_t>(model.architecture.moe.experts), 0));
  }
  static RoutingConfig balanced() {
    RoutingConfig config;
    config.source = Choice<ChoiceSource>("balanced");
    return config;
  }
  StepCost step(const std::vector<RankBatch>& batches, bool use_measured) {
    LockstepExecutor executor({model.architecture,
                               model.precision,
                               layout,
                               network,
                               *cost,
                               moe,
                               transport,
                               {},
                               0,
                               use_measured ? &measured : nullptr},
                              0, totals);
    return executor.cost(batches, 0, false);
  }
};

double phase(const StepCost& step, Phase phase) {
  return step.phase_s[static_cast<std::size_t>(phase)];
}

RankBatch prefill(std::int64_t tokens) {
  RankBatch batch;
  batch.add({tokens, 0}, true);
  return batch;
}

TEST(MeasuredCollectives, GiveTheTimeOfTheTable) {
  const auto network = make_network("{node: hgx-h100}");
  const MeasuredCollectives measured("h100-sxm");
  // 1 GiB over 8 GPUs: 4.0078 ms (comm/h100_sxm.trtllm-1.3.0rc20.custom_allreduce.csv).
  const auto known =
      measured.time("all_reduce", Group(network, first(8)), 2 * 7.0 / 8 * 1073741824);
  ASSERT_TRUE(known);
  EXPECT_NEAR(known->time.value, 4.0078e-3, 0.01 * 4.0078e-3);
  EXPECT_TRUE(known->measured);
  // DeepSeek-V3's shape, 128 tokens: 36.721 us (comm/h100_sxm.deepep-sglang0.5.12.deepep_ll.csv).
  const double bytes = 128 * 8 * 7168 * (1 + 4.0 / 128) * 7 / 8;
  const auto dispatch =
      measured.time("low-latency dispatch", Group(network, first(8)), bytes, 128, {7168, 8, 256});
  ASSERT_TRUE(dispatch);
  EXPECT_NEAR(dispatch->time.value, 36.721e-6, 0.05 * 36.721e-6);
}

TEST(MeasuredCollectives, KnowNothingOfOtherGroupsAndDevices) {
  const auto network = make_network("{node: hgx-h100, nodes: 2}");
  const MeasuredCollectives measured("h100-sxm");
  EXPECT_FALSE(measured.time("all_reduce", Group(network, first(16)), 1e6));  // two nodes
  EXPECT_FALSE(measured.time("all_reduce", Group(network, first(3)), 1e6));   // three ranks
  EXPECT_FALSE(measured.time("broadcast", Group(network, first(8)), 1e6));
  EXPECT_FALSE(measured.time("", Group(network, first(8)), 1e6));
  EXPECT_FALSE(MeasuredCollectives("a40").time("all_reduce", Group(network, first(8)), 1e6));
}

TEST(MeasuredCollectives, ReplaceTheLinksInTensorParallelism) {
  MeasuredEngine engine("llama-3.1-8b", {4, 1, 1, 1});
  const auto step = engine.step({prefill(256)}, true), links = engine.step({prefill(256)}, false);
  const auto known =
      engine.measured.time("all_reduce", Group(engine.network, first(4)), 1.5 * 256 * 4096 * 2);
  ASSERT_TRUE(known);
  EXPECT_NEAR(phase(step, Phase::all_reduce), 64 * known->time.value, 1e-12);
  EXPECT_NE(phase(step, Phase::all_reduce), phase(links, Phase::all_reduce));
  // What was measured is inside the trust region.
  EXPECT_NEAR(links.unmeasured_s - step.unmeasured_s, phase(links, Phase::all_reduce), 1e-12);
}

TEST(MeasuredCollectives, ReplaceTheLinksInDispatchAndCombine) {
  MeasuredEngine engine("olmoe-1b-7b", {1, 8, 8, 1});
  const std::vector<RankBatch> batches(8, prefill(64));
  const auto step = engine.step(batches, true), links = engine.step(batches, false);
  for (const auto which : {Phase::dispatch, Phase::combine}) {
    EXPECT_GT(phase(step, which), phase(links, which));  // 11 us to start instead of 7
    EXPECT_LT(phase(step, which), 3 * phase(links, which));
  }
  EXPECT_EQ(phase(step, Phase::experts), phase(links, Phase::experts));
}

TEST(MeasuredCollectives, NeverTakeLessTimeForMoreTokens) {
  MeasuredEngine engine("olmoe-1b-7b", {1, 8, 8, 1});
  for (const auto* dispatch : {"all-to-all", "node-dedup", "allgather-reducescatter"}) {
    engine.transport.dispatch = Choice<Exchange>(dispatch);
    double before = 0;
    for (std::int64_t tokens = 1; tokens < 20000; tokens *= 3) {
      const auto step = engine.step(std::vector<RankBatch>(8, prefill(tokens)), true);
      const double now = phase(step, Phase::dispatch) + phase(step, Phase::combine);
      EXPECT_GE(now, before) << dispatch << ", " << tokens << " tokens";
      before = now;
    }
  }
}

}  // namespace
}  // namespace moesim
