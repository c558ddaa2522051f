#include "sim/report/chrome_trace.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "sim/core/error.hpp"
#include "tests/report/sample_result.hpp"

namespace moesim {
namespace {

using Json = nlohmann::ordered_json;
using testing::sample_result;

Json events_of(const Result& result, const TraceOptions& options = {}) {
  return Json::parse(chrome_trace(result, options))["traceEvents"];
}

/// Nanoseconds: exact in a double for the times of these tests.
std::int64_t ns(const Json& microseconds) {
  return std::llround(microseconds.get<double>() * 1000);
}

std::vector<Json> of_phase(const Json& events, const std::string& phase) {
  std::vector<Json> found;
  for (const auto& event : events)
    if (event["ph"] == phase) found.push_back(event);
  return found;
}

void expect_well_nested(const Json& events) {
  std::map<std::pair<int, int>, std::vector<std::int64_t>> open_ends;
  for (const auto& event : of_phase(events, "X")) {
    const auto start = ns(event["ts"]);
    const auto end = start + ns(event["dur"]);
    ASSERT_GE(end, start);
    auto& stack = open_ends[{event["pid"].get<int>(), event["tid"].get<int>()}];
    while (!stack.empty() && stack.back() <= start) stack.pop_back();
    if (!stack.empty()) {
      ASSERT_LE(end, stack.back()) << event;
    }
    stack.push_back(end);
  }
}

TEST(ChromeTrace, NamesEveryProcessAndTrackOfItsEvents) {
  const auto events = events_of(sample_result());
  std::map<int, std::string> processes;
  std::map<std::pair<int, int>, std::string> tracks;
  for (const auto& event : of_phase(events, "M")) {
    if (event["name"] == "process_name") processes[event["pid"]] = event["args"]["name"];
    if (event["name"] == "thread_name")
      tracks[{event["pid"], event["tid"]}] = event["args"]["name"];
  }
  EXPECT_EQ(processes[1], "engine");
  EXPECT_EQ((tracks[{2, 1}]), "group 0 compute");
  EXPECT_EQ((tracks[{2, 2}]), "group 0 network");
  for (const auto& event : events) EXPECT_TRUE(processes.contains(event["pid"])) << event;
  for (const auto& event : of_phase(events, "X"))
    EXPECT_TRUE((tracks.contains({event["pid"], event["tid"]}))) << event;
}

TEST(ChromeTrace, ShowsStepsByKindWithTheirTokens) {
  std::vector<Json> steps;
  for (const auto& event : of_phase(events_of(sample_result()), "X"))
    if (event["pid"] == 1) steps.push_back(event);
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0]["name"], "prefill");
  EXPECT_EQ(steps[1]["name"], "decode");
  EXPECT_EQ(steps[2]["name"], "mixed");
  EXPECT_EQ(steps[2]["ts"], 500000);
  EXPECT_EQ(steps[2]["dur"], 300000);
  EXPECT_EQ(steps[2]["args"], Json::parse(R"({"prefill_tokens":200,"decode_tokens":1,)"
                                          R"("running":2,"waiting":0})"));
}

TEST(ChromeTrace, CountsRequestsAndMemory) {
  const auto counters = of_phase(events_of(sample_result()), "C");
  ASSERT_EQ(counters.size(), 6u);
  EXPECT_EQ(counters[2]["args"], Json::parse(R"({"running":1,"waiting":1})"));
  EXPECT_EQ(counters[5]["args"]["used"], 50);
}

TEST(ChromeTrace, IsSortedByTimeAndWellNested) {
  auto result = sample_result();
  std::swap(result.phases[0], result.phases[2]);
  result.phases.push_back({"group 0 compute", "layer 0", 0.0, 0.0035});  // holds the others
  const auto events = events_of(result);
  std::int64_t last = 0;
  for (const auto& event : events) {
    if (event["ph"] == "M") continue;
    EXPECT_GE(ns(event["ts"]), last);
    last = ns(event["ts"]);
  }
  expect_well_nested(events);
}

TEST(ChromeTrace, KeepsNeighboursApartAfterRounding) {
  auto result = sample_result();
  result.phases.clear();
  double at = 0;
  for (int i = 0; i < 1000; ++i) {
    const double duration = 1e-6 / 3 * (1 + i % 7);
    result.phases.push_back({"gpu", "p", at, duration});
    at += duration;
  }
  expect_well_nested(events_of(result));
}

TEST(ChromeTrace, RefusesPhasesThatOverlapOnASerialResource) {
  auto result = sample_result();
  result.phases.push_back({"group 0 compute", "late", 0.0005, 0.0008});
  try {
    chrome_trace(result);
    FAIL() << "an overlap was written";
  } catch (const SimulationError& error) {
    EXPECT_STREQ(error.what(),
                 "timeline: \"layer 0 attention\" and \"late\" overlap on 'group 0 compute' at "
                 "500.000 us");
  }
}

TEST(ChromeTrace, OpensAndClosesEveryRequest) {
  std::map<std::pair<int, std::string>, int> open;
  const auto events = events_of(sample_result());
  for (const auto& event : events) {
    if (event["ph"] == "b") ++open[{event["id"], event["name"]}];
    if (event["ph"] == "e") --open[{event["id"], event["name"]}];
  }
  EXPECT_EQ(open.size(), 6u);  // two requests, "first token" of both, one decode, one queue
  for (const auto& [span, depth] : open) EXPECT_EQ(depth, 0) << span.second;
  EXPECT_TRUE(of_phase(events_of(sample_result(), {false}), "b").empty());
}

TEST(ChromeTrace, EscapesNames) {
  auto result = sample_result();
  result.phases = {{"a \"track\"\n", "p\\\"", 0, 1}};
  const auto events = events_of(result);
  bool found = false;
  for (const auto& event : of_phase(events, "X")) found = found || event["name"] == "p\\\"";
  EXPECT_TRUE(found);
}

TEST(ChromeTrace, OfAnEmptyRunIsValid) { EXPECT_TRUE(events_of(Result{}).empty()); }

}  // namespace
}  // namespace moesim
