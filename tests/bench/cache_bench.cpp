// Replays of recorded accesses per policy: a layer of 64 experts, top 6, 12 slots.
#include <benchmark/benchmark.h>

#include "sim/cache/expert_cache.hpp"
#include "tests/cache/sample_accesses.hpp"

namespace moesim {
namespace {

void ReplayOfAnExpertCache(benchmark::State& state, const std::string& policy) {
  const CacheShape shape{26, 64, 6};
  static const auto accesses = testing::sample_accesses(shape, 2000, 1);
  static const FutureUses future(accesses);
  static const auto known = popularity(accesses);
  for (auto _ : state) {
    ExpertCache cache(shape, SlotSharing::layer, 12,
                      Choice<CachePolicy>(policy).make({shape, 12, true, 1, known, &future}));
    benchmark::DoNotOptimize(replay(accesses, cache).hits);
  }
  state.SetItemsProcessed(state.iterations() * accesses.accesses());
}

BENCHMARK_CAPTURE(ReplayOfAnExpertCache, lru, "lru")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReplayOfAnExpertCache, lfu, "lfu")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReplayOfAnExpertCache, belady, "belady")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReplayOfAnExpertCache, activation_match, "activation-match")
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace moesim
