// The inner loops: one decode step of a large deployment, the draw of expert loads, one cost
// prediction, SimGrid's clock. The serving sections come from a scenario file as in a run.
#include <benchmark/benchmark.h>

#include <numeric>
#include <string>
#include <vector>

#include "models/architecture/catalog.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"
#include "sim/engine/lockstep.hpp"
#include "sim/engine/simulation.hpp"
#include "sim/scenario/document.hpp"
#include "sim/serving/serving_scenario.hpp"

namespace moesim {
namespace {

/// What a serving run builds before its clock starts.
struct Engine {
  explicit Engine(const ServingScenario& s)
      : model(load_model(s.model.name, {})),
        layout(s.parallel, model.architecture, s.routing.redundant_experts, s.cluster.gpus(), {}),
        network(s.cluster),
        cost(s.cost.make({load_device(data_path("models/device"), s.cluster.node.node.device)})),
        moe(model.architecture, s.routing, s.parallel.expert, 1),
        transport(s.network) {
    totals.link_bytes.assign(network.links().size(), 0);
    totals.expert_tokens.assign(
        static_cast<std::size_t>(moe.layers()),
        std::vector<double>(static_cast<std::size_t>(model.architecture.moe.experts), 0));
  }

  Model model;
  Layout layout;
  Network network;
  std::unique_ptr<CostModel> cost;
  MoeLayers moe;
  NetworkConfig transport;
  Totals totals;
};

/// DeepSeek-V3 on 144 H800, EP144, as in the example's first variant.
Engine& decode_unit() {
  static Engine engine = [] {
    const auto path = data_path("scenarios/examples/deepseek-v3-decode-ep144.yaml");
    const auto variants = expand_variants(load_document(path, {}), {});
    return Engine(read_serving_scenario(variants.front().scenario));
  }();
  return engine;
}

/// All 58 MoE layers of it, or 8 that stand for them (`engine.drawn_layers`).
void DecodeStepOfDeepSeekV3On144Gpus(benchmark::State& state) {
  auto& unit = decode_unit();
  Totals totals = unit.totals;
  EngineParts parts{unit.model.architecture,
                    unit.model.precision,
                    unit.layout,
                    unit.network,
                    *unit.cost,
                    unit.moe,
                    unit.transport,
                    {}};
  parts.drawn_layers = state.range(0);
  LockstepExecutor executor(parts, 0, totals);
  std::vector<RankBatch> batches(static_cast<std::size_t>(unit.layout.data_per_group()));
  for (auto& batch : batches)
    for (int i = 0; i < 128; ++i) batch.add({1, 4096}, true);
  std::uint64_t step = 0;
  for (auto _ : state) benchmark::DoNotOptimize(executor.cost(batches, ++step, false).alone());
}
BENCHMARK(DecodeStepOfDeepSeekV3On144Gpus)
    ->ArgName("drawn_layers")
    ->Arg(0)
    ->Arg(8)
    ->Unit(benchmark::kMillisecond);

/// Up to pool_tokens a batch is counted, above it is drawn.
void ExpertLoadDraw(benchmark::State& state) {
  auto& unit = decode_unit();
  ExpertLoads loads;
  std::uint64_t step = 0;
  for (auto _ : state) {
    unit.moe.draw(0, state.range(0), ++step, loads);
    benchmark::DoNotOptimize(loads.distinct);
  }
}
BENCHMARK(ExpertLoadDraw)->ArgName("tokens")->Arg(128)->Arg(18432)->Unit(benchmark::kMicrosecond);

/// The same for all 58 layers of a step: 5 ms for 18,432 tokens and 2 ms for 256 are the targets.
void ExpertLoadDrawOfAStep(benchmark::State& state) {
  auto& unit = decode_unit();
  ExpertLoads loads;
  std::uint64_t step = 0;
  for (auto _ : state) {
    ++step;
    for (std::int64_t layer = 0; layer < unit.moe.layers(); ++layer) {
      unit.moe.draw(layer, state.range(0), step, loads);
      benchmark::DoNotOptimize(loads.distinct);
    }
  }
}
BENCHMARK(ExpertLoadDrawOfAStep)
    ->ArgName("tokens")
    ->Arg(256)
    ->Arg(18432)
    ->Unit(benchmark::kMillisecond);

/// One lookup of each operation, by tier, on an H100 with its shipped profiles.
const CostModel& cost_of(std::int64_t tier) {
  static const auto models = [] {
    std::vector<std::unique_ptr<CostModel>> all;
    const auto device = load_device(data_path("models/device"), "h100-sxm");
    for (const auto* name : {"spec", "fit", "residual"})
      all.push_back(Choice<CostModel>(name).make({device}));
    return all;
  }();
  return *models[static_cast<std::size_t>(tier)];
}

void CostOfGemm(benchmark::State& state) {
  const auto& cost = cost_of(state.range(0));
  Gemm gemm{1, 7168, 2048, Dtype::fp8, Dtype::bf16};
  for (auto _ : state) {
    gemm.m = gemm.m % 512 + 1;
    benchmark::DoNotOptimize(cost.gemm(gemm));
  }
}
BENCHMARK(CostOfGemm)->ArgName("tier")->Arg(0)->Arg(1)->Arg(2);

void CostOfAttention(benchmark::State& state) {
  const auto& cost = cost_of(state.range(0));
  AttentionShape shape;
  shape.heads = 64;
  shape.kv_heads = 8;
  shape.head_dim = 128;
  AttentionLoad load;
  load.decode_sequences = 128;
  for (auto _ : state) {
    load.decode_context += 128;
    benchmark::DoNotOptimize(cost.attention(shape, load));
  }
}
BENCHMARK(CostOfAttention)->ArgName("tier")->Arg(0)->Arg(1)->Arg(2);

void CostOfExperts(benchmark::State& state) {
  const auto& cost = cost_of(state.range(0));
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(state.range(1)));
  std::iota(tokens.begin(), tokens.end(), 0);
  ExpertWork work;
  work.hidden = 7168;
  work.intermediate = 2048;
  work.weight = Dtype::fp8;
  work.tokens_per_expert = tokens;
  work.experts = 256;
  work.topk = 8;
  for (auto _ : state) {
    work.tokens = work.tokens % 4096 + 1;
    benchmark::DoNotOptimize(cost.experts(work));
  }
}
BENCHMARK(CostOfExperts)->ArgNames({"tier", "local"})->ArgsProduct({{0, 1, 2}, {2, 16, 128}});

// A fixed number of iterations, so that it is called once: one process is one simulation.
void SimGridSleeps(benchmark::State& state) {
  Simulation simulation;
  simulation.spawn("sleeper", [&] {
    for (auto _ : state) simulation.sleep_for(Seconds(1e-3));
  });
  simulation.run();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(SimGridSleeps)->Iterations(200'000);

}  // namespace
}  // namespace moesim
