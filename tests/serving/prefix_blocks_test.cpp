// Shared blocks of KV memory: what is conserved, and least recently used against a second
// implementation and a second count of the Mooncake traces.
#include "sim/serving/prefix_blocks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "sim/core/error.hpp"
#include "sim/core/random.hpp"
#include "sim/serving/kv_cache.hpp"
#include "sim/serving/serving_scenario.hpp"
#include "sim/serving/trace.hpp"

namespace moesim {
namespace {

constexpr std::int64_t kPage = 16, kBlock = 64;

/// One byte per token.
KvCache cache_of(double bytes, std::int64_t block) {
  KvCache cache({Bytes(1), Bytes(0), 0, kPage}, Bytes(bytes));
  cache.keep_prefixes(block);
  return cache;
}

struct Held {
  std::vector<std::int64_t> ids;
  KvPrefix prefix;
  std::int64_t input = 0, computed = 0;
};

/// Beginnings that fork: the id of a block names all before it.
std::vector<std::int64_t> random_ids(const RandomStream& random, std::uint64_t& draw,
                                     std::int64_t blocks) {
  std::vector<std::int64_t> ids;
  std::int64_t id = 1;
  for (std::int64_t b = 0; b < blocks; ++b)
    ids.push_back(id = id * 3 + static_cast<std::int64_t>(random.below(draw++, b < 3 ? 2 : 3)));
  return ids;
}

TEST(PrefixBlocks, MemoryIsThatOfTheDistinctBlocksAtAllTimes) {
  const RandomStream random(3, stream_id("prefix blocks"));
  std::uint64_t draw = 0;
  auto cache = cache_of(6000, kBlock);
  std::vector<std::unique_ptr<Held>> held;
  std::int64_t hits = 0, evictions_seen = 0;
  Bytes idle_before(0);
  for (int step = 0; step < 20000; ++step) {
    if (held.size() < 12 && random.below(draw++, 2) == 0) {
      auto request = std::make_unique<Held>();
      request->input = 1 + static_cast<std::int64_t>(random.below(draw++, 600));
      request->ids = random_ids(random, draw, request->input / kBlock);
      request->prefix.blocks = request->ids;
      request->computed = cache.take(request->prefix, request->input - 1);
      ASSERT_LT(request->computed, request->input);
      hits += request->computed;
      held.push_back(std::move(request));
    } else if (!held.empty()) {
      const auto which = random.below(draw++, held.size());
      auto& request = *held[which];
      const auto to = request.computed + 1 + static_cast<std::int64_t>(random.below(draw++, 200));
      if (random.below(draw++, 4) > 0 && cache.grow(request.computed, to)) {
        request.computed = to;
        cache.share(request.prefix, to);
      } else {
        cache.free(request.computed, request.prefix);
        EXPECT_EQ(request.prefix.shared, 0);
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
      }
    }
    std::set<std::int64_t> shared;
    double expected = 0;
    for (const auto& request : held) {
      expected += cache.need(request->computed).value -
                  static_cast<double>(kBlock * request->prefix.shared);
      for (std::int64_t b = 0; b < request->prefix.shared; ++b)
        shared.insert(request->ids[static_cast<std::size_t>(b)]);
    }
    expected += static_cast<double>(kBlock) * static_cast<double>(shared.size());
    ASSERT_EQ(cache.used().value, expected) << "step " << step;
    ASSERT_LE(cache.used() + cache.idle(), cache.capacity()) << "step " << step;
    evictions_seen += cache.idle() < idle_before;
    idle_before = cache.idle();
  }
  EXPECT_GT(hits, 10000);
  EXPECT_GT(evictions_seen, 100);
  for (auto& request : held) cache.free(request->computed, request->prefix);
  EXPECT_EQ(cache.used(), Bytes(0));
}

TEST(PrefixBlocks, TheEndOfAPromptGoesBeforeItsBeginning) {
  PrefixBlocks blocks;
  const std::vector<std::int64_t> longer = {1, 2, 3, 4}, shorter = {1, 2};
  for (const auto id : longer) blocks.hold(id);
  for (const auto id : shorter) EXPECT_TRUE(blocks.hold(id));
  for (const std::int64_t id : {2, 1}) EXPECT_FALSE(blocks.drop(id));  // the longer one has them
  for (const std::int64_t id : {4, 3, 2, 1}) EXPECT_TRUE(blocks.drop(id));
  EXPECT_EQ(blocks.idle(), 4);
  for (std::int64_t left = 3; left >= 0; --left) {
    blocks.evict();
    EXPECT_EQ(blocks.find(longer), left);
  }
}

TEST(PrefixBlocks, RefuseToBeDroppedTwice) {
  PrefixBlocks blocks;
  blocks.hold(7);
  EXPECT_TRUE(blocks.drop(7));
  EXPECT_THROW(blocks.drop(7), SimulationError);
}

TEST(PrefixBlocks, AreKeptOnceWhenTwoRequestsComputeThem) {
  auto cache = cache_of(1000, kBlock);
  const std::vector<std::int64_t> ids = {5, 6};
  KvPrefix a{ids, 0}, b{ids, 0};
  ASSERT_TRUE(cache.grow(0, 128) && cache.grow(0, 128));  // neither found anything
  cache.share(a, 128);
  EXPECT_EQ(cache.used(), Bytes(256));
  cache.share(b, 128);
  EXPECT_EQ(cache.used(), Bytes(128));
  cache.free(128, a);
  EXPECT_EQ(cache.used(), Bytes(128));
  cache.free(128, b);
  EXPECT_EQ(cache.used(), Bytes(0));
  EXPECT_EQ(cache.idle(), Bytes(128));
  EXPECT_TRUE(cache.grow(0, 1000 / kPage * kPage));  // nobody holds them: they make room
  EXPECT_EQ(cache.idle(), Bytes(0));
}

std::string mooncake(const std::string& name) {
  const char* given = std::getenv("MOESIM_REFERENCE_DATA");
  return std::string(given != nullptr ? given : MOESIM_SOURCE_DIR "/../shared/data") +
         "/traces/mooncake_" + name + "_trace.jsonl.gz";
}

/// One request after the other; the share of the prompts' tokens that was there.
double hit_ratio(const std::vector<TraceRequest>& trace, KvCache cache) {
  std::int64_t hits = 0, tokens = 0;
  for (const auto& row : trace) {
    const auto whole = static_cast<std::size_t>(row.input / kMooncakeBlock);
    KvPrefix prefix{std::span(row.blocks).first(whole), 0};
    const auto there = cache.take(prefix, row.input - 1);
    hits += there;
    tokens += row.input;
    EXPECT_TRUE(cache.grow(there, row.input));
    cache.share(prefix, row.input);
    cache.free(row.input, prefix);
  }
  EXPECT_EQ(cache.used(), Bytes(0));
  return static_cast<double>(hits) / static_cast<double>(tokens);
}

// Counted with another program: a block hits when its id and all before it were seen, but a prompt
// computes at least one token.
TEST(PrefixBlocks, WithoutALimitHitWhatTheMooncakeTracesRepeat) {
  if (!std::filesystem::exists(mooncake("conversation"))) GTEST_SKIP() << "no reference data";
  EXPECT_NEAR(hit_ratio(read_trace(mooncake("conversation")), cache_of(1e18, kMooncakeBlock)),
              0.373379905854, 1e-9);
  EXPECT_NEAR(hit_ratio(read_trace(mooncake("synthetic")), cache_of(1e18, kMooncakeBlock)),
              0.650430949593, 1e-9);
}

/// The same with a list in order of use, the oldest first, and no reference counts.
double brute_force_ratio(const std::vector<TraceRequest>& trace, std::int64_t capacity) {
  std::vector<std::int64_t> oldest_first;
  std::int64_t hits = 0, tokens = 0;
  for (const auto& row : trace) {
    const auto whole = row.input / kMooncakeBlock;
    const auto in = [&](std::int64_t b) {
      return std::ranges::find(oldest_first, row.blocks[static_cast<std::size_t>(b)]) !=
             oldest_first.end();
    };
    std::int64_t found = 0;
    while (found < std::min(whole, (row.input - 1) / kMooncakeBlock) && in(found)) ++found;
    hits += found * kMooncakeBlock;
    tokens += row.input;
    for (std::int64_t b = 0; b < whole; ++b)
      if (b < found || in(b)) std::erase(oldest_first, row.blocks[static_cast<std::size_t>(b)]);
    const auto needed = (row.input + kPage - 1) / kPage * kPage;
    const auto room = (capacity - needed) / kMooncakeBlock;
    if (std::ssize(oldest_first) > room)
      oldest_first.erase(oldest_first.begin(), oldest_first.end() - room);
    for (std::int64_t b = whole; b-- > 0;)
      oldest_first.push_back(row.blocks[static_cast<std::size_t>(b)]);
  }
  return static_cast<double>(hits) / static_cast<double>(tokens);
}

TEST(PrefixBlocks, GiveUpTheLeastRecentlyUsedAsASecondImplementationDoes) {
  if (!std::filesystem::exists(mooncake("conversation"))) GTEST_SKIP() << "no reference data";
  auto trace = read_trace(mooncake("conversation"));
  trace.resize(1500);
  double last = 0;
  for (const std::int64_t capacity : {1'000'000, 3'000'000, 9'000'000}) {
    const auto ratio = hit_ratio(trace, cache_of(static_cast<double>(capacity), kMooncakeBlock));
    EXPECT_NEAR(ratio, brute_force_ratio(trace, capacity), 1e-9) << capacity;
    EXPECT_GT(ratio, last) << capacity;
    last = ratio;
  }
}

}  // namespace
}  // namespace moesim
