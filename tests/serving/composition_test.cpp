// Whole models as experts: which one runs, what its load costs, and that no request is lost.
#include "sim/serving/composition.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

const Bytes kModel{1e9};  // a second over the link below

CompositionConfig config(const std::string& more) {
  return CompositionConfig::parameters().read(parse_yaml(
      "{tiers: [{name: host, capacity: 100 GB, bandwidth: 1 GB/s}], " + more + "}", "f"));
}

/// Requests 0, 1, ... that have all arrived.
std::deque<Request> arrived(Composition& composition, std::int64_t count) {
  std::deque<Request> requests(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) requests[static_cast<std::size_t>(i)].id = i;
  for (auto& request : requests) composition.arrive(request);
  return requests;
}

/// Takes all requests, a model's at a time; the seconds of every load, 0 where none was needed.
std::vector<double> drain(Composition& composition, std::vector<std::int64_t>& order) {
  std::vector<double> loads;
  double now = 0;
  for (std::deque<Request*> waiting;; waiting.clear()) {
    const auto load = composition.admit(Seconds(now), true, waiting);
    if (waiting.empty()) return loads;
    std::set<std::int64_t> models;
    for (const auto* request : waiting) {
      order.push_back(request->id);
      models.insert(composition.model_of(request->id));
    }
    EXPECT_EQ(models.size(), 1U);  // one model runs at a time
    loads.push_back(load.value);
    now += load.value + 1;
  }
}

TEST(Composition, LoadsEveryModelAnewWhenMoreAreAskedForInTurnThanFit) {
  for (const bool fit : {true, false}) {
    Composition composition(
        config(std::string("choice: in_turn, models: 4, slots: ") + (fit ? "4" : "3")), kModel, 1);
    std::vector<std::int64_t> order;
    auto requests = arrived(composition, 12);
    const auto loads = drain(composition, order);
    ASSERT_EQ(loads.size(), 12U);
    for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(loads[i], fit && i >= 4 ? 0 : 1) << i;
    EXPECT_EQ(composition.counts().misses, fit ? 4 : 12);
  }
}

TEST(Composition, GroupedRequestsLoadEveryModelOnceAndTheLargestGroupFirst) {
  Composition grouped(config("models: 5, slots: 1, sigma: 1, order: grouped"), kModel, 3);
  Composition by_arrival(config("models: 5, slots: 1, sigma: 1"), kModel, 3);
  std::vector<std::int64_t> order, arrival_order;
  auto requests = arrived(grouped, 200), same = arrived(by_arrival, 200);
  std::vector<std::int64_t> of_model(5, 0);
  for (const auto& request : requests)
    ++of_model[static_cast<std::size_t>(grouped.model_of(request.id))];
  const auto loads = drain(grouped, order);
  EXPECT_EQ(loads, std::vector<double>(5, 1));
  EXPECT_EQ(std::set(order.begin(), order.end()).size(), 200U);
  EXPECT_EQ(of_model[static_cast<std::size_t>(grouped.model_of(order.front()))],
            std::ranges::max(of_model));
  drain(by_arrival, arrival_order);
  EXPECT_TRUE(std::ranges::is_sorted(arrival_order));
  EXPECT_EQ(arrival_order.size(), 200U);
  EXPECT_GT(by_arrival.counts().misses, 50);
}

TEST(Composition, AnotherModelWaitsUntilTheEngineIsIdle) {
  Composition composition(config("choice: in_turn, models: 2, slots: 1"), kModel, 1);
  auto requests = arrived(composition, 2);
  std::deque<Request*> waiting;
  EXPECT_EQ(composition.admit(Seconds(0), true, waiting).value, 1);
  EXPECT_EQ(waiting.size(), 1U);
  EXPECT_EQ(composition.admit(Seconds(5), false, waiting).value, 0);
  EXPECT_EQ(waiting.size(), 1U);
}

TEST(Composition, PopularModelsAreAskedForMoreOften) {
  const Composition even(config("models: 4, slots: 1"), kModel, 1);
  const Composition uneven(config("models: 4, slots: 1, sigma: 1.5"), kModel, 1);
  std::vector<int> counts(4, 0), skewed(4, 0);
  for (std::int64_t r = 0; r < 8000; ++r) {
    ++counts[static_cast<std::size_t>(even.model_of(r))];
    ++skewed[static_cast<std::size_t>(uneven.model_of(r))];
  }
  for (const int n : counts) EXPECT_NEAR(n, 2000, 200);  // five standard deviations
  EXPECT_GT(std::ranges::max(skewed), 3000);
}

TEST(Composition, RefusesMoreModelsThanTheLastTierHolds) {
  const auto text = testing::error_text([] {
    check_composition(config("models: 101, slots: 4"), kModel, {"s.yaml", 4, 1});
  });
  EXPECT_NE(
      text.find("s.yaml:4:1: 101 models of 1.0 GB do not fit in tier 'host', which holds 100"),
      std::string::npos)
      << text;
  EXPECT_NE(testing::error_text([] { config("models: 3"); }).find("missing parameter 'slots'"),
            std::string::npos);
}

}  // namespace
}  // namespace moesim
