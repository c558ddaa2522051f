// Hits of the cache against counts that share no code with it: textbook LRU, LFU and Belady on
// lists, and the optimum by trying every eviction.
#include "sim/cache/expert_cache.hpp"

#include <gtest/gtest.h>

#include <list>
#include <map>
#include <set>
#include <tuple>

#include "tests/cache/sample_accesses.hpp"

namespace moesim {
namespace {

std::unique_ptr<CachePolicy> policy(const std::string& yaml, const CacheShape& shape,
                                    std::int64_t slots, const FutureUses* future = nullptr) {
  return Value<Choice<CachePolicy>>::read(parse_yaml(yaml, "f"))
      .make({shape, slots, false, 1, {}, future});
}

std::int64_t hits(const Accesses& accesses, const std::string& yaml, std::int64_t slots,
                  SlotSharing sharing = SlotSharing::layer, Arrival arrival = Arrival::together) {
  const FutureUses future(accesses);
  ExpertCache cache(accesses.shape(), sharing, slots,
                    policy(yaml, accesses.shape(), slots, &future));
  return replay(accesses, cache, {arrival, false}).hits;
}

/// One layer's cache as a list, the first of which leaves; `rank` orders it anew at every access.
template <class Order>
std::int64_t brute_force_hits(const Accesses& accesses, std::size_t slots, Order order) {
  std::int64_t hits = 0;
  const auto layers = accesses.shape().layers;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    std::list<ExpertId> held;
    std::map<ExpertId, std::int64_t> uses, last;
    for (auto visit = layer; visit < accesses.visits(); visit += layers) {
      const auto needed = accesses.needed(visit);
      for (const auto id : needed) {
        ++uses[id];
        last[id] = visit;
      }
      for (const auto id : needed) {
        if (std::ranges::find(held, id) != held.end()) {
          ++hits;
          continue;
        }
        if (held.size() == slots) {
          auto out = held.end();
          for (auto it = held.begin(); it != held.end(); ++it)
            if (std::ranges::find(needed, *it) == needed.end() &&
                (out == held.end() || order(*it, *out, visit, uses, last)))
              out = it;
          held.erase(out);
        }
        held.push_back(id);
      }
    }
  }
  return hits;
}

TEST(ExpertCache, LruHitsAsOftenAsATextbookList) {
  for (std::uint64_t seed = 1; seed < 6; ++seed) {
    const auto accesses = testing::sample_accesses({2, 10, 2}, 300, seed);
    for (const std::int64_t slots : {2, 3, 5, 8})
      EXPECT_EQ(hits(accesses, "lru", slots),
                brute_force_hits(accesses, slots, [](auto a, auto b, auto, auto&, auto& last) {
                  return std::pair(last[a], a) < std::pair(last[b], b);
                }));
  }
}

TEST(ExpertCache, LfuHitsAsOftenAsATextbookList) {
  for (std::uint64_t seed = 1; seed < 6; ++seed) {
    const auto accesses = testing::sample_accesses({2, 10, 2}, 300, seed);
    for (const std::int64_t slots : {2, 3, 5, 8}) {
      const auto expected =
          brute_force_hits(accesses, slots, [](auto a, auto b, auto, auto& uses, auto& last) {
            return std::tuple(uses[a], last[a], a) < std::tuple(uses[b], last[b], b);
          });
      EXPECT_EQ(hits(accesses, "{type: lfu, counted: run}", slots), expected);
    }
  }
}

TEST(ExpertCache, BeladyHitsAsOftenAsTheSearchOfTheNextUse) {
  for (std::uint64_t seed = 1; seed < 6; ++seed) {
    const auto accesses = testing::sample_accesses({2, 10, 2}, 300, seed);
    const auto next = [&](ExpertId id, std::int64_t now) {
      for (auto visit = now + 1; visit < accesses.visits(); ++visit)
        if (std::ranges::find(accesses.needed(visit), id) != accesses.needed(visit).end())
          return visit;
      return accesses.visits();
    };
    for (const std::int64_t slots : {2, 3, 5})
      EXPECT_EQ(hits(accesses, "belady", slots),
                brute_force_hits(accesses, slots, [&](auto a, auto b, auto now, auto&, auto&) {
                  return next(a, now) > next(b, now);
                }));
  }
}

/// Most hits that any sequence of evictions reaches: every reachable cache after every visit.
std::int64_t optimum(const Accesses& accesses, std::size_t slots, bool staged) {
  std::map<std::set<ExpertId>, std::int64_t> states{{{}, 0}};
  for (std::int64_t visit = 0; visit < accesses.visits(); ++visit) {
    const auto span = accesses.needed(visit);
    const std::set<ExpertId> needed(span.begin(), span.end());
    std::map<std::set<ExpertId>, std::int64_t> after;
    for (const auto& [held, hits] : states) {
      std::int64_t now = hits;
      std::set<ExpertId> all = held;
      for (const auto id : needed) now += all.insert(id).second ? 0 : 1;
      // Any subset of what need not stay may leave, as long as the rest fits and is full.
      std::vector<std::set<ExpertId>> open{all};
      while (!open.empty()) {
        const auto set = open.back();
        open.pop_back();
        if (set.size() <= slots) {
          auto& best = after[set];
          best = std::max(best, now);
          continue;
        }
        for (const auto id : set)
          if (staged || !needed.contains(id)) {
            auto less = set;
            less.erase(id);
            open.push_back(std::move(less));
          }
      }
    }
    states = std::move(after);
  }
  std::int64_t best = 0;
  for (const auto& [_, hits] : states) best = std::max(best, hits);
  return best;
}

TEST(ExpertCache, BeladyIsTheBestOfAllEvictions) {
  for (std::uint64_t seed = 1; seed < 13; ++seed) {
    const auto accesses = testing::sample_accesses({1, 7, 2}, 40, seed);
    for (const std::int64_t slots : {2, 3, 4})
      EXPECT_EQ(hits(accesses, "belady", slots), optimum(accesses, slots, false))
          << seed << " " << slots;
    for (const std::int64_t slots : {1, 2, 3})
      EXPECT_EQ(hits(accesses, "belady", slots, SlotSharing::layer, Arrival::staged),
                optimum(accesses, slots, true))
          << seed << " " << slots;
    const auto layers = testing::sample_accesses({2, 4, 2}, 20, seed);
    EXPECT_EQ(hits(layers, "belady", 4, SlotSharing::pool), optimum(layers, 4, false)) << seed;
    EXPECT_EQ(hits(layers, "belady", 3, SlotSharing::pool, Arrival::staged),
              optimum(layers, 3, true));
  }
}

// One access after the other, so that the plain optimum applies to them: accesses of a batch that
// needs more than there are slots.
TEST(ExpertCache, BeladyIsTheBestOfAllEvictionsInTurn) {
  for (std::uint64_t seed = 1; seed < 9; ++seed) {
    const auto steps = batched(testing::sample_accesses({1, 7, 2}, 60, seed), 3);
    Accesses single({1, 7, 1});
    for (std::int64_t visit = 0; visit < steps.visits(); ++visit)
      for (const auto& id : steps.needed(visit)) single.add(std::span(&id, 1));
    for (const std::int64_t slots : {1, 2, 3, 4})
      EXPECT_EQ(hits(steps, "belady", slots, SlotSharing::layer, Arrival::in_turn),
                optimum(single, static_cast<std::size_t>(slots), false))
          << seed << " " << slots;
  }
}

TEST(ExpertCache, LongerLookAheadNeverLosesInTheMean) {
  double before = 0;
  for (const int look_ahead : {0, 1, 2, 4, 16, 1000}) {
    double sum = 0;
    for (std::uint64_t seed = 1; seed < 9; ++seed)
      sum += static_cast<double>(
          hits(testing::sample_accesses({1, 12, 2}, 400, seed),
               "{type: belady, look_ahead: " + std::to_string(look_ahead) + "}", 4));
    EXPECT_GE(sum, before) << look_ahead;
    before = sum;
  }
  EXPECT_EQ(hits(testing::sample_accesses({1, 12, 2}, 400, 3), "{type: belady, look_ahead: 0}", 4),
            hits(testing::sample_accesses({1, 12, 2}, 400, 3), "lru", 4));
}

TEST(ExpertCache, AnOracleWithoutAFutureIsRefused) {
  EXPECT_THROW(policy("belady", {1, 4, 1}, 2), InputError);
  EXPECT_THROW(policy("segment-oracle", {1, 4, 1}, 2), InputError);
}

TEST(ExpertCache, ForgetsWhatIsRemoved) {
  const CacheShape shape{1, 4, 1};
  ExpertCache cache(shape, SlotSharing::layer, 3, policy("lru", shape, 3));
  for (const ExpertId id : {0, 1, 2}) cache.insert(id, id);
  cache.remove(0);
  EXPECT_FALSE(cache.holds(0));
  EXPECT_EQ(cache.insert(3, 3), ExpertCache::kNone);
  EXPECT_TRUE(cache.holds(1) && cache.holds(2) && cache.holds(3));
}

TEST(ExpertCache, ColdReplayMissesEverySequencesFirstUses) {
  Accesses accesses({1, 4, 2});
  for (int sequence = 0; sequence < 3; ++sequence) {
    accesses.start_sequence();
    for (int step = 0; step < 5; ++step) accesses.add(std::vector<ExpertId>{0, 1});
  }
  const auto run = [&](bool cold) {
    ExpertCache cache(accesses.shape(), SlotSharing::layer, 2, policy("lru", accesses.shape(), 2));
    return replay(accesses, cache, {Arrival::together, cold}).hits;
  };
  EXPECT_EQ(run(false), 28);
  EXPECT_EQ(run(true), 24);
}

TEST(Accesses, ABatchNeedsTheDistinctExpertsOfItsTokens) {
  Accesses accesses({1, 8, 2});
  accesses.start_sequence();
  accesses.add(std::vector<ExpertId>{0, 1});
  accesses.add(std::vector<ExpertId>{1, 2});
  accesses.add(std::vector<ExpertId>{5, 6});
  accesses.start_sequence();
  accesses.add(std::vector<ExpertId>{7, 0});
  const auto batches = batched(accesses, 2);
  ASSERT_EQ(batches.visits(), 3);
  EXPECT_EQ(std::vector(batches.needed(0).begin(), batches.needed(0).end()),
            (std::vector<ExpertId>{0, 1, 2}));
  EXPECT_EQ(batches.needed(1).size(), 2u);
  EXPECT_EQ(batches.needed(2).front(), 7);
}

TEST(FutureUses, KnowsTheNextVisitAndHowManyComeSoon) {
  Accesses accesses({1, 3, 1});
  for (const ExpertId id : {0, 1, 0, 2, 0, 1}) accesses.add(std::vector<ExpertId>{id});
  const FutureUses uses(accesses);
  FutureUses::Reader reader(uses);
  EXPECT_EQ(reader.next(0, 0), 2);
  EXPECT_EQ(reader.count(0, 0, 4), 2);
  EXPECT_EQ(reader.next(1, 1), 5);
  EXPECT_EQ(reader.next(2, 3), FutureUses::kNever);
  EXPECT_EQ(reader.count(2, 3, 100), 0);
}

}  // namespace
}  // namespace moesim
