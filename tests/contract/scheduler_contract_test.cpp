// The contract of slot "scheduler", for every registered implementation: random workloads in a loop
// that applies each step as the engine does. Limits hold in every step, and every request finishes.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <deque>
#include <functional>
#include <numeric>
#include <set>

#include "sim/serving/scheduler.hpp"
#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

constexpr KvShape kKeysAndValues{Bytes(100), Bytes(10), 64, 16};

struct Workload {
  std::vector<std::pair<std::int64_t, std::int64_t>> tokens;  ///< input, output
  Scheduler::Context limits;
  double memory = 1;       ///< in longest requests
  std::int64_t every = 0;  ///< steps between arrivals; 0: all at once
};

Bytes capacity_for(const Workload& workload) {
  const KvCache empty(kKeysAndValues, Bytes(0));
  Bytes longest(0);
  for (const auto& [input, output] : workload.tokens)
    longest = std::max(longest, empty.need(input + output));
  return longest * workload.memory;
}

/// "" when the contract holds to the end.
std::string broken_rule(Scheduler& scheduler, const Workload& workload) {
  std::deque<Request> requests;
  RankState state(KvCache(kKeysAndValues, capacity_for(workload)));
  std::vector<Scheduled> batch;
  std::size_t done = 0;
  for (std::int64_t step = 0; done < workload.tokens.size(); ++step) {
    if (step > 200'000) return "no end";
    while (requests.size() < workload.tokens.size() &&
           (workload.every == 0 ||
            static_cast<std::int64_t>(requests.size()) * workload.every <= step)) {
      auto& request = requests.emplace_back();
      std::tie(request.input, request.output) = workload.tokens[requests.size() - 1];
      request.id = static_cast<std::int64_t>(requests.size()) - 1;
      state.waiting.push_back(&request);
    }
    scheduler.schedule(state, batch);
    if (batch.empty() && (!state.waiting.empty() || !state.running.empty()))
      return "an empty batch with work to do";
    std::int64_t tokens = 0;
    std::set<const Request*> seen;
    for (const auto& part : batch) {
      tokens += part.tokens;
      if (part.tokens < 1) return "no tokens for a scheduled request";
      if (!seen.insert(part.request).second) return "a request twice in a step";
      if (part.context != part.request->computed) return "a context that is not what is computed";
      if (part.context + part.tokens > part.request->length())
        return "more tokens than the request has";
      if (part.emits != (part.context + part.tokens == part.request->length()))
        return "a token too early or too late";
      if (std::ranges::find(state.running, part.request) == state.running.end())
        return "scheduled but not running";
    }
    if (tokens > workload.limits.max_tokens) return "over the token budget";
    if (static_cast<std::int64_t>(state.running.size()) > workload.limits.max_sequences)
      return "too many sequences";
    if (state.cache.used() > state.cache.capacity()) return "more KV memory than there is";
    for (const auto& part : batch) {
      part.request->computed += part.tokens;
      if (part.emits) ++part.request->generated;
    }
    Bytes held(0);
    for (const auto* request : state.running) held += state.cache.need(request->computed);
    if (std::abs(held.value - state.cache.used().value) > 0.5)
      return "KV memory does not match the running requests";
    std::erase_if(state.running, [&](const Request* request) {
      if (!request->finished()) return false;
      state.cache.free(request->computed);
      ++done;
      return true;
    });
  }
  if (state.cache.used().value > 0.5) return "KV memory held after the last request";
  return state.waiting.empty() && state.running.empty() ? "" : "requests left over";
}

class SchedulerContract : public ::testing::TestWithParam<std::string> {};

/// `make` gives a scheduler with these limits.
bool holds_for_any_workload(
    const std::string& name,
    const std::function<std::unique_ptr<Scheduler>(const Scheduler::Context&)>& make) {
  return rc::check(name, [&] {
    Workload workload;
    workload.tokens = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<std::pair<std::int64_t, std::int64_t>>>(rc::gen::pair(
            rc::gen::inRange<std::int64_t>(1, 300), rc::gen::inRange<std::int64_t>(1, 60))));
    workload.limits = {*rc::gen::inRange<std::int64_t>(1, 500),
                       *rc::gen::inRange<std::int64_t>(1, 20)};
    workload.memory = *rc::gen::elementOf(std::vector<double>{1.0, 1.2, 2.0, 10.0});
    workload.every = *rc::gen::inRange<std::int64_t>(0, 5);
    // Without chunks a prompt must fit the budget; this holds the contract to what every scheduler
    // can do.
    RC_ASSERT(broken_rule(*make(workload.limits), workload) == "");
  });
}

TEST_P(SchedulerContract, HoldsForAnyWorkload) {
  EXPECT_TRUE(holds_for_any_workload(GetParam(), [&](const auto& limits) {
    return contract::make<Scheduler>(GetParam(), limits);
  }));
}

TEST(SglangContract, HoldsForMixedChunksAndPrefillLimitsToo) {
  const auto mixed = Value<Choice<Scheduler>>::read(
      parse_yaml("{type: sglang, mixed_chunk: true, max_prefill_tokens: 100}", "test"));
  EXPECT_TRUE(holds_for_any_workload("sglang, mixed chunks",
                                     [&](const auto& limits) { return mixed.make(limits); }));
}

TEST_P(SchedulerContract, FinishesWhenMemoryHoldsOneRequestOnly) {
  const Workload tight{
      std::vector<std::pair<std::int64_t, std::int64_t>>(30, {200, 100}), {256, 16}, 1, 0};
  EXPECT_EQ(broken_rule(*contract::make<Scheduler>(GetParam(), tight.limits), tight), "");
}

TEST_P(SchedulerContract, HasNothingToScheduleWhenThereIsNothing) {
  RankState state(KvCache(kKeysAndValues, Bytes(1e6)));
  std::vector<Scheduled> batch(3);
  contract::make<Scheduler>(GetParam(), {})->schedule(state, batch);
  EXPECT_TRUE(batch.empty());
}

TEST_P(SchedulerContract, LeavesRequestsInFlightAlone) {
  RankState state(KvCache(kKeysAndValues, Bytes(1e6)));
  Request flying, waiting;
  flying.input = waiting.input = 50;
  flying.output = waiting.output = 5;
  std::vector<Scheduled> batch;
  const auto scheduler = contract::make<Scheduler>(GetParam(), {});
  state.waiting = {&flying};
  scheduler->schedule(state, batch);
  ASSERT_EQ(batch.size(), 1u);
  flying.in_flight = true;
  state.waiting = {&waiting};
  scheduler->schedule(state, batch);
  for (const auto& part : batch) EXPECT_NE(part.request, &flying);
}

INSTANTIATE_TEST_SUITE_P(Every, SchedulerContract,
                         ::testing::ValuesIn(contract::implementations<Scheduler>()),
                         [](const auto& each) { return contract::test_name(each.param); });

}  // namespace
}  // namespace moesim
