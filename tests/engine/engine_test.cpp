// The engine's arithmetic against sums written out by hand.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "models/architecture/catalog.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"
#include "sim/engine/launches.hpp"
#include "sim/engine/lockstep.hpp"
#include "sim/engine/memory_plan.hpp"
#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

const Location kHere{"test.yaml", 1, 1};

Device h100() { return load_device(data_path("models/device"), "h100-sxm"); }

TEST(AttentionLoad, CountsCausalPairs) {
  RankBatch batch;
  batch.add({4, 0}, true);    // 1 + 2 + 3 + 4
  batch.add({2, 10}, false);  // 11 + 12
  batch.add({1, 99}, true);   // a decode step sees 100
  const auto load = attention_load(batch, 0);
  EXPECT_EQ(load.prefill_pairs, 10 + 23);
  EXPECT_EQ(load.prefill_tokens, 6);
  EXPECT_EQ(load.prefill_context, 4 + 12);
  EXPECT_EQ(load.decode_context, 100);
  EXPECT_EQ(load.decode_sequences, 1);
}

TEST(AttentionLoad, IsCutByAWindow) {
  RankBatch batch;
  batch.add({4, 0}, true);   // window 2: 1 + 2 + 2 + 2
  batch.add({2, 10}, true);  // 2 + 2
  batch.add({1, 99}, true);  // 2
  const auto load = attention_load(batch, 2);
  EXPECT_EQ(load.prefill_pairs, 7 + 4);
  EXPECT_EQ(load.decode_context, 2);
}

struct Engine {
  Model model;
  Layout layout;
  Network network;
  std::unique_ptr<CostModel> cost;
  MoeLayers moe;
  NetworkConfig transport;
  Totals totals;
  EngineParts::Host host{};
  Engine(const std::string& name, const ParallelConfig& degrees,
         const std::string& source = "balanced")
      : model(load_model(name)),
        layout(degrees, model.architecture, 0, 8, kHere),
        network(ClusterConfig::parameters().read(parse_yaml("{node: hgx-h100}", "test"))),
        cost(Choice<CostModel>("spec").make({h100()})),
        moe(model.architecture, routing(source), degrees.expert, 1) {
    totals.link_bytes.assign(network.links().size(), 0);
    totals.expert_tokens.assign(
        static_cast<std::size_t>(moe.layers()),
        std::vector<double>(static_cast<std::size_t>(model.architecture.moe.experts), 0));
  }
  static RoutingConfig routing(const std::string& source) {
    RoutingConfig config;
    config.source = Choice<ChoiceSource>(source);
    return config;
  }
  LockstepExecutor executor() {
    return {EngineParts{model.architecture, model.precision, layout, network, *cost, moe, transport,
                        host},
            0, totals};
  }
};

TEST(Lockstep, ADenseStepIsTheSumOfItsKernels) {
  // Llama-3.1-8B on one GPU: hidden 4096, 32 heads of 128, 8 KV heads, feed-forward 14336, 32
  // layers, 128256 words.
  Engine engine("llama-3.1-8b", {});
  RankBatch batch;
  batch.add({700, 0}, true);
  batch.add({1, 1500}, true);
  auto executor = engine.executor();
  const auto step = executor.cost(std::span(&batch, 1), 0, false);

  const auto& cost = *engine.cost;
  const auto gemm = [&](std::int64_t m, std::int64_t n, std::int64_t k) {
    return cost.gemm({m, n, k}).time.value;
  };
  AttentionShape shape;
  shape.heads = 32, shape.kv_heads = 8, shape.head_dim = 128;
  const AttentionLoad load{1, 1501, 700, 700.0 * 701 / 2, 700};
  const double layer =
      gemm(701, (32 + 16) * 128, 4096) + cost.attention(shape, load).time.value +
      gemm(701, 4096, 4096) + cost.elementwise(Bytes(8 * 701 * 4096 * 2), 2).time.value +
      gemm(701, 2 * 14336, 4096) + cost.elementwise(Bytes(701.0 * 3 * 14336 * 2), 1).time.value +
      gemm(701, 4096, 14336);
  const double head =
      cost.elementwise(Bytes(2 * 701 * 4096 * 2), 1).time.value + gemm(2, 128256, 4096);
  EXPECT_NEAR(step.alone().value, 32 * layer + head, 1e-12);
}

TEST(Lockstep, TensorParallelismAddsTwoAllReducesPerLayer) {
  Engine engine("llama-3.1-8b", {4, 1, 1, 1});
  RankBatch batch;
  batch.add({256, 0}, true);
  auto executor = engine.executor();
  const auto step = executor.cost(std::span(&batch, 1), 0, false);
  Transfer transfer(engine.network);
  all_reduce(engine.network, Group(engine.network, {0, 1, 2, 3}), 256.0 * 4096 * 2, transfer);
  EXPECT_NEAR(step.phase_s[static_cast<std::size_t>(Phase::all_reduce)],
              64 * transfer.alone(engine.network).value, 1e-12);
}

TEST(Lockstep, ExpertsCostTheSlowestRankOfTheDrawnLoads) {
  Engine engine("olmoe-1b-7b", {1, 4, 4, 1}, "uniform");
  std::vector<RankBatch> batches(4);
  for (auto& batch : batches)
    for (int i = 0; i < 16; ++i) batch.add({1, 300}, true);
  auto executor = engine.executor();
  const auto step = executor.cost(batches, 5, false);
  double experts = 0;
  ExpertLoads loads;
  for (std::int64_t layer = 0; layer < 16; ++layer) {
    engine.moe.draw(layer, 64, 5, loads);
    double slowest = 0;
    for (std::int64_t rank = 0; rank < 4; ++rank) {
      ExpertWork work{
          2048, 1024, true, Dtype::bf16, Dtype::bf16, 64, engine.moe.slots_of(layer, rank, loads)};
      slowest = std::max(slowest, engine.cost->experts(work).time.value);
    }
    experts += slowest;
  }
  EXPECT_NEAR(step.phase_s[static_cast<std::size_t>(Phase::experts)], experts, 1e-12);
  EXPECT_GT(step.phase_s[static_cast<std::size_t>(Phase::dispatch)], 0);
  EXPECT_GT(step.phase_s[static_cast<std::size_t>(Phase::combine)], 0);
}

double phase_of(const StepCost& step, Phase phase) {
  return step.phase_s[static_cast<std::size_t>(phase)];
}

TEST(GraphSize, IsTheNextCapturedOne) {
  const std::vector<std::pair<std::int64_t, std::int64_t>> vllm = {
      {1, 1}, {2, 2}, {3, 4}, {5, 8}, {8, 8}, {9, 16}, {129, 136}, {300, 304}};
  for (const auto& [sequences, graph] : vllm) EXPECT_EQ(graph_size(sequences, 8, 0), graph);
  EXPECT_EQ(graph_size(121, 8, 128), 128);
  EXPECT_EQ(graph_size(129, 8, 128), 256);
  EXPECT_EQ(graph_size(257, 8, 128), 512);
  EXPECT_EQ(graph_size(3, 1, 0), 3);
  EXPECT_EQ(graph_size(3, 2, 0), 4);
}

// 37 sequences in a graph of 40: the rank's own work is that of 40 rows, its attention and its
// experts are those of 37.
TEST(Lockstep, PadsDecodeStepsToTheNextGraph) {
  const auto step = [](int sequences, std::int64_t padding, int prompt = 0) {
    Engine engine("olmoe-1b-7b", {2, 1, 1, 1}, "uniform");
    engine.host.graph_max_batch = 512;
    engine.host.padding = padding;
    RankBatch batch;
    for (int i = 0; i < sequences; ++i) batch.add({1, 300}, true);
    if (prompt > 0) batch.add({prompt, 0}, true);
    return engine.executor().cost(std::span(&batch, 1), 5, false);
  };
  const auto plain = step(37, 0), padded = step(37, 8), full = step(40, 0);
  for (const auto phase : {Phase::norms, Phase::router, Phase::all_reduce}) {
    EXPECT_EQ(phase_of(padded, phase), phase_of(full, phase));
    EXPECT_GT(phase_of(padded, phase), phase_of(plain, phase));
  }
  for (const auto phase : {Phase::experts, Phase::lm_head})
    EXPECT_NEAR(phase_of(padded, phase), phase_of(plain, phase), 1e-6);
  EXPECT_LE(phase_of(padded, Phase::attention), phase_of(full, Phase::attention));
  EXPECT_EQ(step(40, 8).alone().value, full.alone().value);
  // No graph holds a prompt.
  EXPECT_EQ(step(37, 8, 50).alone().value, step(37, 0, 50).alone().value);
}

TEST(Lockstep, PadsEveryDataRankToTheFullestOne) {
  const auto step = [](int second, std::int64_t padding) {
    Engine engine("olmoe-1b-7b", {1, 2, 2, 1}, "uniform");
    engine.host.graph_max_batch = 512;
    engine.host.padding = padding;
    std::vector<RankBatch> batches(2);
    for (int i = 0; i < 37; ++i) batches[0].add({1, 300}, true);
    for (int i = 0; i < second; ++i) batches[1].add({1, 300}, true);
    return engine.executor().cost(batches, 5, false);
  };
  EXPECT_EQ(phase_of(step(3, 8), Phase::norms), phase_of(step(40, 0), Phase::norms));
}

TEST(Lockstep, ExpertsSplitOverDataRanksGatherAllTokensAndScatterTheSums) {
  // OLMoE: 16 layers, hidden 2048; four data ranks each hold a quarter of every expert.
  Engine engine("olmoe-1b-7b", {1, 4, 1, 1, 4}, "uniform");
  engine.transport.dispatch = Choice<Exchange>("allgather-reducescatter");
  std::vector<RankBatch> batches(4);
  for (int i = 0; i < 16; ++i) batches[0].add({1, 300}, true);  // the others have less to do
  for (int r = 1; r < 4; ++r) batches[static_cast<std::size_t>(r)].add({8, 0}, true);
  auto executor = engine.executor();
  const auto step = executor.cost(batches, 5, false);
  double experts = 0;
  ExpertLoads loads;
  for (std::int64_t layer = 0; layer < 16; ++layer) {
    engine.moe.draw(layer, 16 + 3 * 8, 5, loads);
    const ExpertWork work{2048,
                          1024 / 4,
                          true,
                          Dtype::bf16,
                          Dtype::bf16,
                          16 + 3 * 8,
                          engine.moe.slots_of(layer, 0, loads)};
    experts += engine.cost->experts(work).time.value;
  }
  EXPECT_NEAR(phase_of(step, Phase::experts), experts, 1e-12);
  const Group group(engine.network, {0, 1, 2, 3});
  const double bytes = (16 + 3 * 8) * 2048.0 * 2;
  Transfer there(engine.network), back(engine.network);
  all_gather(engine.network, group, bytes, there);
  reduce_scatter(engine.network, group, bytes, back);
  EXPECT_NEAR(phase_of(step, Phase::dispatch), 16 * there.alone(engine.network).value, 1e-12);
  EXPECT_NEAR(phase_of(step, Phase::combine), 16 * back.alone(engine.network).value, 1e-12);
  EXPECT_EQ(phase_of(step, Phase::all_reduce), 0);
}

TEST(Lockstep, ExpertsSplitOverTensorRanksAloneArePlainTensorParallelism) {
  RankBatch batch;
  batch.add({256, 0}, true);
  const auto cost = [&](const ParallelConfig& degrees) {
    Engine engine("olmoe-1b-7b", degrees, "uniform");
    return engine.executor().cost(std::span(&batch, 1), 0, false).alone().value;
  };
  EXPECT_DOUBLE_EQ(cost({4, 1, 1, 1, 4}), cost({4, 1, 1, 1}));
  EXPECT_DOUBLE_EQ(cost({4, 1, 2, 1, 2}), cost({4, 1, 2, 1}));
}

TEST(Lockstep, AnUnevenGroupWaitsForItsBusiestRank) {
  Engine engine("olmoe-1b-7b", {1, 2, 2, 1});
  RankBatch heavy, light;
  heavy.add({2000, 0}, true);
  light.add({1, 10}, true);
  auto executor = engine.executor();
  const RankBatch uneven[] = {heavy, light}, even[] = {heavy, heavy};
  const auto a = executor.cost(uneven, 0, false), b = executor.cost(even, 0, false);
  const auto attention = static_cast<std::size_t>(Phase::attention);
  EXPECT_NEAR(a.phase_s[attention], b.phase_s[attention], 1e-12);
}

TEST(Lockstep, RecordedSpansAddUpToTheStep) {
  Engine engine("olmoe-1b-7b", {2, 2, 4, 2});
  std::vector<RankBatch> batches(2);
  batches[0].add({100, 0}, true);
  batches[1].add({1, 10}, true);
  auto executor = engine.executor();
  const auto step = executor.cost(batches, 0, true);
  double spans = 0;
  for (const auto& span : step.spans) spans += span.duration.value;
  EXPECT_NEAR(spans, step.alone().value, 1e-12);
  ASSERT_EQ(step.stages.size(), 2u);
}

TEST(MemoryPlan, LeavesToTheCacheWhatTheWeightsDoNotTake) {
  const auto model = load_model("llama-3.1-8b");
  const Layout layout({2, 1, 1, 1}, model.architecture, 0, 8, kHere);
  MemoryConfig config;
  const auto plan =
      plan_memory(model.architecture, model.precision, layout, h100(), 0, config, kHere);
  // 8.03 B parameters in bf16 over two GPUs; the norms (32 x 2 + 1 vectors of 4096) are on both.
  const double norms = 65 * 4096 * 2;
  EXPECT_NEAR(plan.weights.value, (8030261248.0 * 2 - norms) / 2 + norms, 1);
  EXPECT_NEAR(plan.kv_capacity.value,
              h100().memory.value * 0.9 - plan.weights.value - config.reserve.value, 1);
  EXPECT_DOUBLE_EQ(plan.kv_full_per_token.value, 32 * 2 * 4 * 128 * 2);  // 4 of the 8 KV heads
}

TEST(MemoryPlan, KeepsTheLatentOnEveryTensorRank) {
  const auto model = load_model("deepseek-v3");
  const Layout layout({8, 1, 8, 1}, model.architecture, 0, 8, kHere);
  const Device device = load_device(data_path("models/device"), "h200-sxm");
  const auto plan = plan_memory(model.architecture, model.precision, layout, device, 32, {}, kHere);
  EXPECT_DOUBLE_EQ(plan.kv_full_per_token.value, 61 * (512 + 64) * 2);
}

TEST(MemoryPlan, RefusesAModelThatDoesNotFitWithTheArithmetic) {
  const auto model = load_model("deepseek-v3");
  const Layout layout({8, 1, 8, 1}, model.architecture, 0, 8, kHere);
  try {
    plan_memory(model.architecture, model.precision, layout, h100(), 32, {}, kHere);
    FAIL() << "671 GB on 8 x 80 GB";
  } catch (const InputError& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("test.yaml:1:1: deepseek-v3 does not fit: ")) << text;
    EXPECT_NE(text.find("GiB of weights per GPU"), std::string::npos);
    EXPECT_NE(text.find("exceed 90 %"), std::string::npos);
  }
}

TEST(Layout, SplitsExpertsOverTheDataRanksOfAGroup) {
  const auto model = load_model("qwen3-30b-a3b");
  const Layout two({2, 4, 2, 1, 2}, model.architecture, 0, 8, kHere);
  EXPECT_TRUE(two.exchanges());
  EXPECT_TRUE(two.gathers_tokens());
  EXPECT_EQ(two.data_per_group(), 2);
  EXPECT_EQ(two.groups(), 2);
  EXPECT_EQ(two.moe_tensor(), 2);
  const auto weights = [&](const ParallelConfig& degrees) {
    const Layout layout(degrees, model.architecture, 0, 8, kHere);
    return plan_memory(model.architecture, model.precision, layout, h100(),
                       128 / layout.degrees().expert, {}, kHere)
        .weights.value;
  };
  EXPECT_DOUBLE_EQ(weights({1, 8, 1, 1, 8}), weights({1, 8, 8, 1})) << "an eighth of all experts";
}

TEST(Layout, NamesTheNumbersThatDoNotDivide) {
  const auto model = load_model("qwen3-30b-a3b");  // 32 heads, 4 KV heads
  const auto message = [&](const ParallelConfig& degrees, std::int64_t gpus) -> std::string {
    try {
      Layout(degrees, model.architecture, 0, gpus, kHere);
      return "fine";
    } catch (const InputError& error) {
      return error.what();
    }
  };
  EXPECT_NE(message({3, 1, 1, 1}, 8).find("32 attention heads do not divide over tensor 3"),
            std::string::npos);
  EXPECT_NE(
      message({8, 2, 1, 1}, 8).find("tensor 8 x data 2 x pipeline 1 = 16 GPUs, the cluster has 8"),
      std::string::npos);
  EXPECT_NE(message({4, 1, 3, 1}, 8).find("do not divide"), std::string::npos);
  EXPECT_NE(message({2, 3, 4, 1}, 8).find("do not divide"), std::string::npos);
  EXPECT_NE(message({1, 1, 1, 49}, 64).find("49 stages for 48 layers"), std::string::npos);
  EXPECT_NE(message({4, 1, 1, 1, 2}, 8).find("expert 1 x moe_tensor 2 = 2 of 4 tensor ranks"),
            std::string::npos);
  EXPECT_NE(message({2, 3, 1, 1, 4}, 8).find("6 ranks (tensor x data) do not divide over"),
            std::string::npos);
  EXPECT_NE(message({1, 5, 1, 1, 5}, 8).find("768 columns of an expert do not divide"),
            std::string::npos);
  EXPECT_EQ(message({2, 4, 8, 1}, 8), "fine");
  EXPECT_EQ(message({4, 2, 2, 1}, 8), "fine");
}

// Forms with a term per token that enters a layer: gathered, every rank has all of them; sent to
// their experts, a rank has those that chose one of its own, at most one per row.
TEST(Experts, TokensThatGoElsewhereCostNothing) {
  const auto with = [](const char* dispatch, int data) {
    return fmt::format(
        "{{model: {{name: deepseek-v3}}, cluster: {{node: hgx-h200, nodes: {}}}, parallel: {{data: "
        "{}, expert: {}}}, routing: {{source: balanced}}, network: {{dispatch: {}}}, cost: {{type: "
        "fit}}, workload: {{requests: {}, arrivals: at-once, lengths: {{type: fixed, input: 512, "
        "output: 1}}}}}}",
        data / 8, data, data, dispatch, data);
  };
  const auto results =
      test::run_scenarios({with("all-to-all", 16), with("all-to-all", 64), with("node-dedup", 64),
                           with("allgather-reducescatter", 64)});
  const auto experts = [&](std::size_t i) { return test::phase_s(results[i], "experts"); };
  EXPECT_EQ(experts(1), experts(2));
  EXPECT_LE(experts(1), experts(0)) << "the same rows per rank, fewer experts";
  EXPECT_GT(experts(3), 1.2 * experts(1));
}

}  // namespace
}  // namespace moesim
