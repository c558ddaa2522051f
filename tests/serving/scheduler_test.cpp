// The rules of the schedulers, one by one.
#include "sim/serving/scheduler.hpp"

#include <gtest/gtest.h>

#include <list>

namespace moesim {
namespace {

/// A rank with room for `tokens` cached tokens in blocks of one.
struct Bench {
  RankState state;
  std::list<Request> requests;
  std::vector<Scheduled> batch;
  std::unique_ptr<Scheduler> scheduler;
  explicit Bench(double tokens, Scheduler::Context limits, const std::string& policy = "vllm-v1")
      : state(KvCache({Bytes(1), Bytes(0), 0, 1}, Bytes(tokens))),
        scheduler(Value<Choice<Scheduler>>::read(parse_yaml(policy, "test")).make(limits)) {}
  Request& add(std::int64_t input, std::int64_t output) {
    auto& r = requests.emplace_back();
    r.id = static_cast<std::int64_t>(requests.size());
    r.input = input;
    r.output = output;
    state.waiting.push_back(&r);
    return r;
  }
  void step() {
    scheduler->schedule(state, batch);
    for (auto& part : batch) {
      part.request->computed += part.tokens;
      if (part.emits) ++part.request->generated;
      if (!part.request->finished()) continue;
      state.cache.free(part.request->computed);
      std::erase(state.running, part.request);
    }
  }
};

TEST(VllmV1, CutsPromptsToTheBudgetAndMixesThemWithDecode) {
  Bench b(10000, {100, 10});
  b.add(60, 5), b.add(70, 5);
  b.step();
  ASSERT_EQ(b.batch.size(), 2u);
  EXPECT_EQ(b.batch[0].tokens, 60);
  EXPECT_TRUE(b.batch[0].emits);
  EXPECT_EQ(b.batch[1].tokens, 40);
  EXPECT_FALSE(b.batch[1].emits);
  b.step();  // one decode token first, then the rest of the second prompt
  EXPECT_EQ(b.batch[0].tokens, 1);
  EXPECT_EQ(b.batch[1].tokens, 30);
  EXPECT_TRUE(b.batch[1].emits);
}

TEST(VllmV1, WithoutChunksAPromptRunsWholeOrWaits) {
  Bench b(10000, {100, 10}, "{type: vllm-v1, chunked_prefill: false}");
  b.add(60, 5), b.add(70, 5);
  b.step();
  ASSERT_EQ(b.batch.size(), 1u);
  b.step();
  EXPECT_EQ(b.batch[1].tokens, 70);
}

TEST(VllmV1, KeepsTheNumberOfSequences) {
  Bench b(10000, {100, 2});
  for (int i = 0; i < 5; ++i) b.add(5, 50);
  for (int i = 0; i < 10; ++i) {
    b.step();
    EXPECT_EQ(b.batch.size(), 2u);
  }
}

TEST(VllmV1, PreemptsTheRequestAdmittedLastAndComputesItAgain) {
  Bench b(20, {100, 10});
  auto& first = b.add(8, 10);
  auto& second = b.add(8, 10);
  b.step();
  b.step();
  b.step();  // 10 + 10 tokens cached: full
  EXPECT_EQ(b.state.cache.used(), Bytes(20));
  b.step();
  EXPECT_EQ(second.preemptions, 1);
  EXPECT_EQ(second.computed, 0);
  EXPECT_EQ(second.generated, 3) << "generated tokens are kept";
  EXPECT_EQ(first.computed, 11);
  ASSERT_EQ(b.state.waiting.front(), &second);
  for (int i = 0; i < 40 && !second.finished(); ++i) b.step();
  EXPECT_TRUE(first.finished());
  EXPECT_TRUE(second.finished());
  EXPECT_EQ(b.state.cache.used(), Bytes(0));
}

TEST(VllmV1, AdmitsNobodyInAStepThatPreempts) {
  Bench b(20, {100, 10});
  b.add(8, 10), b.add(8, 10);
  b.step(), b.step(), b.step();
  b.add(1, 1);
  b.step();
  EXPECT_EQ(b.batch.size(), 1u);
}

TEST(VllmV1, LeavesRequestsInFlightAlone) {
  Bench b(20, {100, 10});
  auto& first = b.add(8, 10);
  auto& second = b.add(8, 10);
  b.step(), b.step(), b.step();
  second.in_flight = true;
  b.step();  // no room for the first, and the second cannot be preempted: the first gives way
  EXPECT_EQ(first.preemptions, 1);
  EXPECT_EQ(second.preemptions, 0);
  EXPECT_TRUE(b.batch.empty());
}

TEST(KvCache, RoundsUpToBlocksAndKeepsOnlyWindows) {
  KvCache cache({Bytes(2), Bytes(3), 32, 16}, Bytes(1000));
  EXPECT_EQ(cache.need(1), Bytes(16 * 5));
  EXPECT_EQ(cache.need(17), Bytes(32 * 5));
  EXPECT_EQ(cache.need(100), Bytes(112 * 2 + 32 * 3));
  EXPECT_TRUE(cache.grow(0, 100));
  EXPECT_FALSE(cache.grow(100, 500));
  EXPECT_EQ(cache.used(), Bytes(320));
  EXPECT_EQ(cache.longest_request(), 448);  // 448 x 2 + 96 <= 1000 < 464 x 2 + 96
  cache.free(100);
  EXPECT_EQ(cache.used(), Bytes(0));
}

TEST(KvCache, RoundsUpToBlocksOfAnySize) {
  const KvCache cache({Bytes(2), Bytes(3), 36, 12}, Bytes(1000));
  EXPECT_EQ(cache.need(0), Bytes(0));
  EXPECT_EQ(cache.need(12), Bytes(12 * 5));
  EXPECT_EQ(cache.need(13), Bytes(24 * 5));
  EXPECT_EQ(cache.need(100), Bytes(108 * 2 + 36 * 3));
}

TEST(Sglang, PrefillsBeforeItDecodesAndNeverMixes) {
  Bench b(10000, {100, 10}, "sglang");
  b.add(60, 5), b.add(70, 5);
  b.step();  // 60 + 40 of 70
  ASSERT_EQ(b.batch.size(), 2u);
  EXPECT_EQ(b.batch[1].tokens, 40);
  b.step();  // the rest of the cut prompt, alone
  ASSERT_EQ(b.batch.size(), 1u);
  EXPECT_EQ(b.batch[0].tokens, 30);
  b.add(20, 5);
  b.step();  // the new prompt goes before the decodes
  ASSERT_EQ(b.batch.size(), 1u);
  EXPECT_EQ(b.batch[0].tokens, 20);
  b.step();
  ASSERT_EQ(b.batch.size(), 3u);
  for (const auto& part : b.batch) EXPECT_EQ(part.tokens, 1);
}

TEST(Sglang, NoticesArrivalsEveryFewDecodeSteps) {
  Bench b(10000, {100, 10}, "{type: sglang, recv_interval: 5}");
  b.add(10, 100);
  b.step();  // idle: it polls
  ASSERT_EQ(b.batch.front().tokens, 10);
  b.step();  // polls after a prefill, then counts
  b.add(10, 100);
  int decodes = 0;
  for (b.step(); b.batch.front().tokens == 1; b.step()) ++decodes;
  EXPECT_EQ(decodes, 4);
  EXPECT_EQ(b.batch.front().tokens, 10);
}

TEST(Sglang, DecodesBesidePromptsWithMixedChunks) {
  Bench b(10000, {100, 10}, "{type: sglang, mixed_chunk: true}");
  b.add(60, 5), b.add(70, 5);
  b.step();  // 60 + 40 of 70
  b.add(200, 5);
  b.step();  // a decode, the rest of the cut prompt, and what is left of the 100
  ASSERT_EQ(b.batch.size(), 3u);
  EXPECT_EQ(b.batch[0].tokens, 1);
  EXPECT_EQ(b.batch[1].tokens, 30);
  EXPECT_EQ(b.batch[2].tokens, 69);
  b.step();
  ASSERT_EQ(b.batch.size(), 3u);
  EXPECT_EQ(b.batch[2].tokens, 98);
}

TEST(Sglang, TakesAPromptBesideAnotherOnlyWhenTheyAreShorterThanItsLimit) {
  for (const auto& [limit, prompts] :
       std::vector<std::pair<int, std::size_t>>{{100, 1}, {120, 1}, {121, 2}, {0, 4}, {10, 1}}) {
    Bench b(10000, {1000, 10}, "{type: sglang, max_prefill_tokens: " + std::to_string(limit) + "}");
    for (int i = 0; i < 4; ++i) b.add(60, 5);
    b.step();
    EXPECT_EQ(b.batch.size(), prompts) << limit;
  }
}

TEST(TensorRtLlm, RunsWholePromptsBesideDecodes) {
  Bench b(10000, {100, 10}, "trtllm");
  b.add(60, 5), b.add(70, 5);
  b.step();
  ASSERT_EQ(b.batch.size(), 1u);
  b.step();
  ASSERT_EQ(b.batch.size(), 2u);
  EXPECT_EQ(b.batch[0].tokens, 1);
  EXPECT_EQ(b.batch[1].tokens, 70);
}

TEST(TensorRtLlm, AdmitsOnlyWhatCanRunToItsEnd) {
  Bench b(30, {100, 10}, "trtllm");
  b.add(8, 10), b.add(8, 10);  // 18 tokens each at their end
  std::int64_t most = 0;
  for (int i = 0; i < 12; ++i) {
    b.step();
    most = std::max<std::int64_t>(most, std::ssize(b.state.running));
  }
  EXPECT_EQ(most, 1);
  EXPECT_EQ(b.state.preemptions, 0);
}

TEST(TensorRtLlm, HoldsPromptsBackToFillAStep) {
  Bench b(10000, {100, 10}, "{type: trtllm, batch_wait_steps: 3, batch_wait_share: 0.9}");
  b.add(10, 100);
  b.step();
  b.add(10, 100);
  int waited = 0;
  for (b.step(); b.batch.size() == 1; b.step()) ++waited;
  EXPECT_EQ(waited, 3);
  b.add(95, 5);  // with the two decodes above 0.9 of 100: no wait
  b.step();
  EXPECT_EQ(b.batch.size(), 3u);
}

TEST(LongestExpertQueue, TakesTheExpertThatMostRequestsWaitFor) {
  Scheduler::Context limits{3, 10};
  limits.next_expert = [](const Request& r) { return r.id % 4 == 0 ? 1 : 0; };
  Bench b(10000, limits, "longest-expert-queue");
  for (int i = 0; i < 8; ++i) b.add(1, 4);  // six requests of expert 0, two (4 and 8) of expert 1
  b.step();
  ASSERT_EQ(b.batch.size(), 3u);
  for (const auto& part : b.batch) EXPECT_NE(part.request->id % 4, 0);
  b.scheduler->schedule(b.state,
                        b.batch);  // the same queue is still the longest, its runners first
  EXPECT_EQ(b.batch.front().request->id, 1);
}

TEST(LongestExpertQueue, FillsWhatIsLeftFromTheNextLongestQueue) {
  Scheduler::Context limits{4, 10};
  limits.next_expert = [](const Request& r) { return r.id <= 3 ? 7 : r.id; };
  Bench b(10000, limits, "longest-expert-queue");
  for (int i = 0; i < 5; ++i) b.add(1, 1);
  b.step();
  ASSERT_EQ(b.batch.size(), 4u);
  EXPECT_EQ(b.batch[2].request->id, 3);
  EXPECT_EQ(b.batch[3].request->id, 4);
}

}  // namespace
}  // namespace moesim
