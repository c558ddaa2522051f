// Layers with experts behind a link, against times worked out by hand.
#include "sim/cache/expert_memory.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "tests/cache/sample_accesses.hpp"
#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

constexpr CacheShape kShape{2, 4, 1};  // layers, experts, top-k
const Bytes kExpert{1e9};              // one second over the link below

ExpertMemoryConfig config(const std::string& more) {
  return ExpertMemoryConfig::parameters().read(parse_yaml(
      "{tiers: [{name: host, capacity: 100 GB, bandwidth: 1 GB/s}], " + more + "}", "f"));
}

Seconds one_second(std::span<const std::size_t> experts) {
  return Seconds(experts.empty() ? 0 : 1);
}

/// Runs steps of one token; returns the time of all.
double run(ExpertMemory& memory, const std::vector<std::vector<std::vector<ExpertId>>>& steps) {
  Seconds now(0);
  for (const auto& step : steps) {
    memory.start_step(now, step);
    for (std::size_t layer = 0; layer < step.size(); ++layer) {
      const auto time = memory.layer(now, static_cast<std::int64_t>(layer), one_second);
      now += time.stall + time.compute;
    }
  }
  return now.value;
}

TEST(ExpertMemory, WaitsForWhatIsNotThereAndNotForWhatIs) {
  ExpertMemory memory(config("slots_per_layer: 1"), kShape, kExpert, 1);
  EXPECT_DOUBLE_EQ(run(memory, {{{0}, {4}}, {{0}, {5}}}), 4 + 3);
  EXPECT_EQ(memory.counts().hits, 1);
  EXPECT_EQ(memory.counts().misses, 3);
  EXPECT_DOUBLE_EQ(memory.counts().stall.value, 3);
  EXPECT_DOUBLE_EQ(memory.counts().bytes_loaded.value, 3e9);
}

TEST(ExpertMemory, AnExactPrefetchHidesBehindTheLayerBefore) {
  ExpertMemory memory(config("slots_per_layer: 2, prefetcher: pre-gate"), kShape, kExpert, 1);
  // Layer 0 loads and computes 2 s; layer 1's expert comes during its computation.
  EXPECT_DOUBLE_EQ(run(memory, {{{0}, {4}}}), 3);
  EXPECT_EQ(memory.counts().prefetched, 1);
  EXPECT_EQ(memory.counts().wasted, 0);
}

TEST(ExpertMemory, AWrongPrefetchDelaysTheDemandThatFollows) {
  const std::string wrong =
      "slots_per_layer: 2, prefetcher: {type: gate-look-ahead, accuracy: [0]}";
  ExpertMemory none(config("slots_per_layer: 2"), kShape, kExpert, 1);
  ExpertMemory memory(config(wrong), kShape, Bytes(1.5e9), 1);
  // 1.5 + 1, the wrong copy runs from 1.5 to 3, the right one from 3 to 4.5, then 1.
  EXPECT_DOUBLE_EQ(run(memory, {{{0}, {4}}}), 5.5);
  EXPECT_EQ(memory.counts().wasted, 1);
  EXPECT_DOUBLE_EQ(run(none, {{{0}, {4}}}), 4);
}

TEST(ExpertMemory, WhatIsThereComputesWhileTheRestComes) {
  const CacheShape two{1, 4, 2};
  for (const bool overlap : {false, true}) {
    ExpertMemory memory(
        config(std::string("slots_per_layer: 3, overlap: ") + (overlap ? "true" : "false")), two,
        kExpert, 1);
    run(memory, {{{0, 1}}});
    const auto before = memory.counts().stall;
    run(memory, {});
    memory.start_step(Seconds(100), {{0, 2}});
    const auto time = memory.layer(Seconds(100), 0, one_second);
    // Expert 0 computes in the second in which expert 2 comes.
    EXPECT_DOUBLE_EQ(time.stall.value, overlap ? 0 : 1);
    EXPECT_DOUBLE_EQ(time.compute.value, overlap ? 2 : 1);
    EXPECT_GT(before.value, 0);
  }
}

TEST(ExpertMemory, SkipsOrComputesOnTheCpuWhereThePolicySaysSo) {
  ExpertMemory skip(config("slots_per_layer: 1, miss: {type: skip, keep: 0}"), kShape, kExpert, 1);
  EXPECT_DOUBLE_EQ(run(skip, {{{0}, {4}}}), 0);
  EXPECT_EQ(skip.counts().skipped, 2);
  ExpertMemory cpu(config("slots_per_layer: 1, miss: {type: cpu, time: 500 ms}"), kShape, kExpert,
                   1);
  EXPECT_DOUBLE_EQ(run(cpu, {{{0}, {4}}}), 1);
  EXPECT_EQ(cpu.counts().on_cpu, 2);
  ExpertMemory slow(config("slots_per_layer: 1, miss: {type: cpu, time: 5 s}"), kShape, kExpert, 1);
  EXPECT_DOUBLE_EQ(run(slow, {{{0}, {4}}}), 4);
  EXPECT_EQ(slow.counts().on_cpu, 0);
}

TEST(ExpertMemory, ANestedCopyGrowsByThePlanesThatAreMissing) {
  // Two of four bits are half the bytes; whoever asks for two again finds them.
  auto read = config("slots_per_layer: 1, miss: {type: bit-planes, bits: [2, 4], shares: [1, 0]}");
  ExpertMemory memory(read, {1, 4, 1}, kExpert, 1);
  run(memory, {{{0}}, {{0}}});
  EXPECT_DOUBLE_EQ(memory.counts().bytes_loaded.value, 0.5e9);
  EXPECT_EQ(memory.counts().hits, 1);
  // Some tokens ask for four bits: the rest of the planes comes, once, and everything is there.
  auto mixed = config("slots_per_layer: 1, miss: {type: bit-planes, bits: [2, 4], shares: [1, 1]}");
  ExpertMemory grown(mixed, {1, 4, 1}, kExpert, 1);
  run(grown, std::vector<std::vector<std::vector<ExpertId>>>(40, {{0}}));
  EXPECT_DOUBLE_EQ(grown.counts().bytes_loaded.value, 1e9);
}

TEST(ExpertMemory, LowerPrecisionMovesFewerBytes) {
  const CacheShape mixtral{4, 8, 2};
  const auto loaded = [&](const std::string& miss) {
    ExpertMemory memory(config("slots_per_layer: 2, staging: 2, miss: " + miss), mixtral, kExpert,
                        1);
    const auto accesses = testing::sample_accesses(mixtral, 500, 4);
    Seconds now(0);
    for (std::int64_t step = 0; step < accesses.steps(); ++step) {
      std::vector<std::vector<ExpertId>> needed;
      for (std::int64_t l = 0; l < 4; ++l) {
        const auto ids = accesses.needed(step * 4 + l);
        needed.emplace_back(ids.begin(), ids.end());
      }
      memory.start_step(now, needed);
      for (std::int64_t l = 0; l < 4; ++l) {
        const auto time = memory.layer(now, l, one_second);
        now += time.stall + time.compute;
      }
    }
    return memory.counts();
  };
  const auto full = loaded("load"), mixed = loaded("lower-precision");
  // Of all choices 67 % ask for all bytes, 28 % for a quarter and 5 % for none, 0.74 of an expert;
  // here second choices miss more often than first ones.
  const auto per_miss = [](const ExpertMemoryCounts& counts) {
    return counts.bytes_loaded / kExpert / static_cast<double>(counts.misses);
  };
  EXPECT_DOUBLE_EQ(per_miss(full), 1);
  EXPECT_GT(per_miss(mixed), 0.6);
  EXPECT_LT(per_miss(mixed), 0.75);
  EXPECT_GT(mixed.skipped, 0);
  // Staged misses as replay() counts them.
  const auto accesses = testing::sample_accesses(mixtral, 500, 4);
  ExpertCache cache(mixtral, SlotSharing::layer, 2,
                    Choice<CachePolicy>("lru").make({mixtral, 2, true, 1, {}, nullptr}));
  EXPECT_EQ(full.hits, replay(accesses, cache).hits);
}

TEST(ExpertMemory, ATierThatHoldsSomeKeepsWhatWasFetchedLast) {
  auto tiers = ExpertMemoryConfig::parameters().read(parse_yaml(
      "{slots_per_layer: 1, tiers: [{name: host, capacity: 2 GB, bandwidth: 2 GB/s}, {name: nvme, "
      "capacity: 100 GB, bandwidth: 1 GB/s}]}",
      "f"));
  ExpertMemory memory(tiers, {1, 4, 1}, kExpert, 1);
  // From nvme 1 s each; expert 0 again from host in half a second; each computes 1 s.
  EXPECT_DOUBLE_EQ(run(memory, {{{0}}, {{1}}, {{0}}}), 1 + 1 + 0.5 + 3);
}

TEST(ExpertMemory, ThePopularLieThereBeforeTheFirstRequest) {
  const std::vector<double> popularity = {1, 5, 2, 0, 7, 1, 1, 9};
  ExpertMemory popular(config("slots_per_layer: 1, preload: popular"), kShape, kExpert, 1);
  popular.preload(popularity);
  EXPECT_DOUBLE_EQ(run(popular, {{{1}, {7}}}), 2);
  EXPECT_EQ(popular.counts().hits, 2);
  ExpertMemory pool(config("slots: 2, preload: popular"), kShape, kExpert, 1);
  pool.preload(popularity);  // 7 and 4: both of the second layer
  EXPECT_DOUBLE_EQ(run(pool, {{{1}, {7}}}), 3);
  ExpertMemory layers(config("slots: 2, preload: in_order"), kShape, kExpert, 1);
  layers.preload(popularity);
  EXPECT_DOUBLE_EQ(run(layers, {{{1}, {7}}}), 3);
  EXPECT_EQ(layers.counts().hits, 1);
}

TEST(ExpertMemory, PrefetchesTheCopyThatAMissWouldLoad) {
  const CacheShape mixtral{4, 8, 2};
  const auto bytes_per_step = [&](const std::string& more) {
    ExpertMemory memory(config("slots_per_layer: 8, flush: true, prefetcher: pre-gate" + more),
                        mixtral, kExpert, 1);
    Seconds now(0);
    for (int step = 0; step < 400; ++step) {
      memory.start_sequence();  // everything is fetched anew, three layers of four beforehand
      memory.start_step(now, {{0, 1}, {8, 9}, {16, 17}, {24, 25}});
      for (std::int64_t l = 0; l < 4; ++l) {
        const auto time = memory.layer(now, l, one_second);
        now += time.stall + time.compute;
      }
    }
    return memory.counts().bytes_loaded / kExpert / 400;
  };
  EXPECT_DOUBLE_EQ(bytes_per_step(""), 8);
  // Of all choices 67 % ask for all bytes, 28 % for a quarter, 5 % for none.
  EXPECT_NEAR(bytes_per_step(", miss: lower-precision"), 8 * 0.74, 8 * 0.02);
}

/// Steps of random accesses; `after` hears of every layer.
template <class After>
void play(ExpertMemory& memory, const Accesses& accesses, After after) {
  const auto layers = accesses.shape().layers;
  Seconds now(0);
  for (std::int64_t step = 0; step < accesses.steps(); ++step) {
    std::vector<std::vector<ExpertId>> needed;
    for (std::int64_t l = 0; l < layers; ++l) {
      const auto ids = accesses.needed(step * layers + l);
      needed.emplace_back(ids.begin(), ids.end());
    }
    memory.start_step(now, needed);
    for (std::int64_t l = 0; l < layers; ++l) {
      const auto time = memory.layer(now, l, one_second);
      now += time.stall + time.compute;
      after(needed[static_cast<std::size_t>(l)]);
    }
  }
}

/// What a host cache of `slots` experts in front of the last tier passes on: a textbook LRU list.
std::int64_t fetches_beyond_host(const std::vector<ExpertId>& fetched, std::size_t slots) {
  std::vector<ExpertId> held;
  std::int64_t beyond = 0;
  for (const auto id : fetched) {
    const auto at = std::ranges::find(held, id);
    if (at == held.end())
      ++beyond;
    else
      held.erase(at);
    held.push_back(id);
    if (held.size() > slots) held.erase(held.begin());
  }
  return beyond;
}

TEST(ExpertMemory, WhatLeavesATierArrivesInTheOneBefore) {
  const bool holds = rc::check("bytes are conserved on every link", [] {
    const auto host = *rc::gen::inRange<int>(1, 12), seed = *rc::gen::inRange<int>(1, 1000);
    const auto read = ExpertMemoryConfig::parameters().read(parse_yaml(
        "{slots_per_layer: 2, tiers: [{name: host, capacity: " + std::to_string(host) +
            " GB, bandwidth: 2 GB/s}, {name: nvme, capacity: 100 GB, bandwidth: 1 GB/s}]}",
        "f"));
    const CacheShape shape{2, 8, 1};
    ExpertMemory memory(read, shape, kExpert, 1);
    std::vector<ExpertId> fetched;
    std::int64_t misses = 0;
    play(memory, testing::sample_accesses(shape, 100, static_cast<std::uint64_t>(seed)),
         [&](const std::vector<ExpertId>& needed) {
           if (memory.counts().misses > misses) fetched.push_back(needed.front());
           misses = memory.counts().misses;
         });
    const auto& counts = memory.counts();
    RC_ASSERT(counts.link_bytes[0] == counts.bytes_loaded);
    RC_ASSERT(counts.link_bytes[0] == static_cast<double>(fetched.size()) * kExpert);
    const auto beyond = fetches_beyond_host(fetched, static_cast<std::size_t>(host));
    RC_ASSERT(counts.link_bytes[1] == static_cast<double>(beyond) * kExpert);
  });
  EXPECT_TRUE(holds);
}

TEST(ExpertMemory, APrefetchThatNeverBeganLeavesNoTier) {
  // One layer of all experts is fetched ahead over a link that is too slow for it. Bytes that left
  // the host are those that the copy engine moved, but for what still waits at the end.
  const CacheShape wide{3, 16, 2};
  ExpertMemory memory(config("slots_per_layer: 16, flush: true, order: priority, prefetcher: "
                             "{type: gate-look-ahead, layers: 2, accuracy: [0.5]}"),
                      wide, kExpert, 1);
  play(memory, testing::sample_accesses(wide, 60, 5), [&](const std::vector<ExpertId>& needed) {
    if (wide.layer_of(needed.front()) != 2) return;
    const auto& counts = memory.counts();  // after the last layer nothing waits
    EXPECT_DOUBLE_EQ(counts.link_bytes[0].value, counts.bytes_loaded.value);
    memory.start_sequence();
  });
  EXPECT_GT(memory.counts().wasted, 0);
  EXPECT_LT(memory.counts().bytes_loaded / kExpert,
            static_cast<double>(memory.counts().prefetched + memory.counts().misses));
}

TEST(ExpertMemory, AnotherCopyOverTheLinkWaitsForTheExpertsBeforeItAndTheyForIt) {
  ExpertMemory memory(config("slots_per_layer: 2, prefetcher: next-layer"), kShape, kExpert, 1);
  memory.start_step(Seconds(0), {{0}, {4}});
  // Layer 0's expert comes until 1 s, two of the next layer's (its slots) until 3 s.
  memory.layer(Seconds(0), 0, one_second);
  EXPECT_DOUBLE_EQ(memory.other_copy(Seconds(2), Bytes(1e9), BytesPerSecond(1e9)).value, 2);
  EXPECT_DOUBLE_EQ(memory.layer(Seconds(4), 1, one_second).stall.value, 0);
  // The other way round: an expert that is asked for while keys and values come waits for them.
  EXPECT_DOUBLE_EQ(memory.other_copy(Seconds(10), Bytes(5e9), BytesPerSecond(1e9)).value, 5);
  memory.start_step(Seconds(12), {{1}, {4}});
  EXPECT_GE(memory.layer(Seconds(12), 0, one_second).stall.value, 4);
  EXPECT_DOUBLE_EQ(memory.counts().other_bytes.value, 6e9);
  // Experts 0, 4, 5 and 1; those of the next layer that are there stay, and no byte of the others.
  EXPECT_DOUBLE_EQ(memory.counts().bytes_loaded.value, 4e9);
  EXPECT_DOUBLE_EQ(memory.counts().link_bytes[0].value, 4e9);
}

TEST(ExpertMemory, WhatLeavesGoesBackOverTheLinkWhenItIsWrittenBack) {
  for (const std::string staging : {"", ", staging: 1"}) {
    const auto time = [&](const std::string& more) {
      ExpertMemory memory(config("slots_per_layer: 1" + staging + more), kShape, kExpert, 1);
      const auto all = run(memory, {{{0}, {4}}, {{1}, {5}}, {{2}, {6}}, {{2}, {7}}});
      EXPECT_DOUBLE_EQ(memory.counts().bytes_loaded.value, 7e9);
      EXPECT_DOUBLE_EQ(memory.counts().link_bytes[0].value, 7e9);
      EXPECT_DOUBLE_EQ(memory.counts().written_back.value, more.empty() ? 0 : 5e9);
      return all;
    };
    EXPECT_DOUBLE_EQ(time(""), 7 + 8);  // seven loads, eight computations
    // From a buffer, what is displaced goes back after the computation: beside the hit on expert 2,
    // and once after the end.
    EXPECT_DOUBLE_EQ(time(", write_back: true"), staging.empty() ? 7 + 8 + 5 : 7 + 8 + 3);
  }
}

TEST(ExpertMemory, SmallCopiesHaveRoomOfTheirOwn) {
  // Second choices that want a quarter: with one slot they displace the first, beside it they stay.
  const CacheShape pair{1, 4, 2};
  const std::string small =
      "slots: 2, miss: {type: lower-precision, full_until: 0.01, small_until: "
      "0.9999}";
  const auto misses = [&](const std::string& more) {
    ExpertMemory memory(config(small + more), pair, kExpert, 1);
    for (int step = 0; step < 200; ++step) {
      memory.start_step(Seconds(100.0 * step), {{0, 1 + step % 3}});
      memory.layer(Seconds(100.0 * step), 0, one_second);
    }
    const auto& counts = memory.counts();
    EXPECT_EQ(counts.hits + counts.late + counts.misses, 400);
    EXPECT_EQ(counts.bytes_loaded, counts.link_bytes[0]);
    return counts.misses;
  };
  EXPECT_GT(misses(""), 190);
  EXPECT_LE(misses(", small_slots: 3"), 12);
}

TEST(ExpertMemory, RefusesWhatCannotWork) {
  const Location where{"s.yaml", 3, 1};
  const auto refuse = [&](const std::string& yaml) {
    return testing::error_text([&] {
      check_expert_memory(config(yaml), {32, 8, 2}, kExpert, 1, where);
    });
  };
  EXPECT_NE(refuse("slots_per_layer: 1")
                .find("s.yaml:3:1: 1 slots per layer + 0 staging buffers "
                      "hold less than one token needs"),
            std::string::npos);
  EXPECT_NE(refuse("slots_per_layer: 9").find("there are only 8 experts"), std::string::npos);
  EXPECT_NE(refuse("slots_per_layer: 2, chunk: 1 B").find("would come in 1000000000 pieces"),
            std::string::npos);
  EXPECT_NE(refuse("slots_per_layer: 4").find("the experts do not fit in tier 'host'"),
            std::string::npos);
  EXPECT_NE(testing::error_text([] {
              config("slots_per_layer: 1, slots: 3");
            }).find("give slots_per_layer or slots"),
            std::string::npos);
  EXPECT_NE(testing::error_text([] {
              TierConfig::parameters().read(
                  parse_yaml("{name: host, capacity: 1 GB, bandwidth: 0 GB/s}", "f"));
            }).find("bandwidth"),
            std::string::npos);
}

TEST(ExpertMemory, TwoGpusBehindOneSwitchWaitTwiceAsLongForTheSameBytes) {
  CopyLinks links({{BytesPerSecond(1e9), 0, {1, 1}}});
  std::vector<ExpertMemory> gpus;
  for (int g = 0; g < 2; ++g)
    gpus.emplace_back(config("slots_per_layer: 2, prefetcher: pre-gate"), kShape, kExpert, 1,
                      nullptr, &links);
  // Layer 0 is asked for first and comes at 2 s, layer 1 beside its computation, for 1 s of which
  // the copies of both need 2 s.
  Seconds now(0);
  for (auto& gpu : gpus) gpu.start_step(now, {{0}, {4}});
  for (const double end : {3.0, 5.0}) {
    const auto layer = end < 4 ? 0 : 1;
    for (auto& gpu : gpus) gpu.ask(now, layer, one_second);
    for (auto& gpu : gpus) {
      const auto time = gpu.compute(one_second);
      EXPECT_DOUBLE_EQ((now + time.stall + time.compute).value, end);
    }
    now = Seconds(end);
    for (auto& gpu : gpus) gpu.end_layer(now);
  }
  for (auto& gpu : gpus) {
    EXPECT_DOUBLE_EQ(gpu.counts().bytes_loaded.value, 2e9);
    EXPECT_DOUBLE_EQ(gpu.counts().stall.value, 3);
  }
}

TEST(ExpertMemory, APlaceDecidesAboutPrecisionWhereverTheExpertStandsInTheList) {
  // The second choice of a token, alone on this GPU.
  ExpertMemory memory(config("slots_per_layer: 2, miss: {type: skip, keep: 1}"), {1, 4, 2}, kExpert,
                      1);
  memory.start_step(Seconds(0), {{3}}, {{1}}, {{1}});
  memory.layer(Seconds(0), 0, one_second);
  EXPECT_EQ(memory.counts().skipped, 1);
}

}  // namespace
}  // namespace moesim
