// What the commands print and write, as a user sees it.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "sim/core/registry.hpp"
#include "tests/cli/run_binary.hpp"

namespace moesim {
namespace {

using Json = nlohmann::json;
using testing::file_text;
using testing::run_binary;
using testing::TemporaryDirectory;
using testing::write_file;

/// A folder with the small scenario in it.
class CommandLine : public ::testing::Test {
 protected:
  Json result(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"run", scenario_, "--json", "-"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto outcome = run_binary(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return Json::parse(outcome.out);
  }
  TemporaryDirectory directory_;
  std::string scenario_ = write_file(directory_, "small.yaml", testing::kSmallScenario);
};

Json without_measurements(Json json) {
  json.erase("wall_s");
  json.erase("peak_rss_bytes");
  return json;
}

TEST_F(CommandLine, EveryCommandExplainsItself) {
  const auto top = run_binary({"--help"});
  EXPECT_EQ(top.code, 0);
  for (const char* command :
       {"run", "check", "compare", "model", "list", "schema", "calibrate", "cache"}) {
    EXPECT_NE(top.out.find(std::string("\n  ") + command + " "), std::string::npos) << command;
    const auto help = run_binary({command, "--help"});
    EXPECT_EQ(help.code, 0) << command;
    EXPECT_NE(help.out.find("Usage: "), std::string::npos) << command;
    EXPECT_EQ(help.err, "") << command;
  }
  for (const char* option : {"--set", "--seed", "--out", "--json", "--csv", "--trace", "--report",
                             "--format", "--quiet"})
    EXPECT_NE(run_binary({"run", "--help"}).out.find(option), std::string::npos) << option;
}

TEST_F(CommandLine, TellsItsVersion) {
  const auto outcome = run_binary({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(outcome.out.starts_with("moesim 0.")) << outcome.out;
}

TEST_F(CommandLine, RunPrintsATableAndNothingElse) {
  const auto outcome = run_binary({"run", scenario_});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(outcome.out.starts_with("small\n"));
  for (const char* row :
       {"20 completed of 20", "2,560 in, 160 out", "TTFT", "TPOT", "throughput", "time by phase"})
    EXPECT_NE(outcome.out.find(row), std::string::npos) << row;
}

TEST_F(CommandLine, QuietIsSilent) {
  const auto path = directory_.file("r.json");
  const auto outcome = run_binary({"run", scenario_, "--quiet", "--json", path});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out + outcome.err, "");
  EXPECT_EQ(Json::parse(file_text(path))["requests"]["completed"], 20);
}

TEST_F(CommandLine, JsonHasTheStableKeys) {
  const Json json = result({"-s", "slo={ttft: 1 s, tpot: 50 ms}"});
  for (const char* key : {"schema",         "moesim_version",  "scenario",    "seed",     "wall_s",
                          "peak_rss_bytes", "events",          "simulated_s", "requests", "tokens",
                          "throughput",     "ttft_s",          "tpot_s",      "itl_s",    "e2e_s",
                          "queue_s",        "goodput",         "steps",       "moe",      "network",
                          "trust",          "time_breakdown_s"})
    EXPECT_TRUE(json.contains(key)) << key;
  const std::vector<std::pair<std::string, std::vector<std::string>>> sections = {
      {"requests", {"submitted", "completed", "failed"}},
      {"tokens", {"input", "output"}},
      {"throughput",
       {"output_tokens_per_s", "total_tokens_per_s", "requests_per_s",
        "output_tokens_per_s_per_gpu"}},
      {"goodput", {"requests_per_s", "fraction"}},
      {"steps", {"prefill", "decode", "mixed", "mean_decode_s"}},
      {"moe",
       {"imbalance_mean", "imbalance_max", "distinct_experts_mean", "dispatch_s", "combine_s",
        "expert_s", "exposed_comm_fraction"}},
      {"network", {"bytes", "max_link_utilization"}},
      {"trust", {"time_outside_calibration_fraction"}}};
  for (const auto& [section, keys] : sections)
    for (const auto& key : keys) EXPECT_TRUE(json[section].contains(key)) << section << "." << key;
  for (const char* latency : {"ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s"})
    for (const char* key : {"mean", "p50", "p90", "p95", "p99", "max", "count"})
      EXPECT_TRUE(json[latency].contains(key)) << latency << "." << key;
  EXPECT_EQ(json["tokens"]["output"], 160);
  EXPECT_EQ(json["ttft_s"]["count"], 20);
}

TEST_F(CommandLine, SectionsThatDoNotApplyAreAbsent) {
  const Json dense = result({"-s", "model.name=llama-3.1-8b", "-s", "parallel={tensor: 1}"});
  EXPECT_FALSE(dense.contains("moe"));
  EXPECT_FALSE(dense.contains("goodput"));
}

TEST_F(CommandLine, TheSameScenarioAndSeedGiveTheSameBytes) {
  const Json first = without_measurements(result()), second = without_measurements(result());
  EXPECT_EQ(first.dump(), second.dump());
  EXPECT_EQ(first["seed"], 1);
}

TEST_F(CommandLine, AnotherSeedGivesAnotherResult) {
  Json first = result(), second = result({"--seed", "2"});
  EXPECT_EQ(second["seed"], 2);
  EXPECT_NE(first["simulated_s"], second["simulated_s"]);
  EXPECT_EQ(without_measurements(second).dump(),
            without_measurements(result({"-s", "seed=2"})).dump());
}

TEST_F(CommandLine, WritesTheNamesOfVllmsBenchmark) {
  const Json json = result({"--format", "vllm"});
  for (const char* key :
       {"duration", "completed", "total_input_tokens", "total_output_tokens", "request_throughput",
        "output_throughput", "mean_ttft_ms", "median_ttft_ms", "p99_ttft_ms", "mean_tpot_ms",
        "p99_tpot_ms", "mean_itl_ms"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["completed"], 20);
  EXPECT_NEAR(json["mean_ttft_ms"].get<double>(), 1000 * result()["ttft_s"]["mean"].get<double>(),
              1e-9);
}

TEST_F(CommandLine, CsvHasOneRowPerRequest) {
  const auto outcome = run_binary({"run", scenario_, "--csv", "-"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(std::ranges::count(outcome.out, '\n'), 21);
  EXPECT_NE(outcome.out.substr(0, outcome.out.find('\n')).find("ttft_s"), std::string::npos);
}

TEST_F(CommandLine, TheTimelineHasStepsAndPhases) {
  const auto outcome =
      run_binary({"run", scenario_, "--trace", "-", "-s", "timeline.duration=10 s"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  const Json& events = json.is_array() ? json : json["traceEvents"];
  int steps = 0, experts = 0;
  for (const auto& event : events) {
    if (event.value("ph", "") != "X") continue;
    const auto name = event["name"].get<std::string>();
    EXPECT_GE(event["ts"].get<double>(), 0);
    EXPECT_GE(event["dur"].get<double>(), 0);
    steps += name.find("decode") != std::string::npos || name.find("prefill") != std::string::npos
                 ? 1
                 : 0;
    experts += name.find("experts") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(steps, 20);
  EXPECT_GT(experts, 16 * 20);  // every layer of every step
}

TEST_F(CommandLine, WhatCheckPrintsRunsToTheSameResult) {
  const auto resolved = run_binary({"check", scenario_});
  ASSERT_EQ(resolved.code, 0) << resolved.err;
  EXPECT_NE(resolved.out.find("# fits: "), std::string::npos);
  const auto again = write_file(directory_, "again.yaml", resolved.out);
  const Json first = result();
  const auto second = run_binary({"run", again, "--json", "-"});
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(without_measurements(first).dump(),
            without_measurements(Json::parse(second.out)).dump());
}

TEST_F(CommandLine, RunsEveryVariantInOneTableAndOneByName) {
  const auto path =
      write_file(directory_, "v.yaml",
                 testing::kSmallScenario +
                     "variants:\n  two: {}\n  one: {parallel: {tensor: 1, expert: 1}}\n");
  const auto both = run_binary({"run", path, "--json", "-"});
  ASSERT_EQ(both.code, 0) << both.err;
  ASSERT_EQ(Json::parse(both.out).size(), 2u);
  const auto one = run_binary({"run", path, "--variant", "one", "--json", "-"});
  EXPECT_EQ(without_measurements(Json::parse(one.out)).dump(),
            without_measurements(Json::parse(both.out)[1]).dump());
  EXPECT_NE(run_binary({"run", path}).out.find("two"), std::string::npos);
}

TEST_F(CommandLine, CompareShowsWhatDiffers) {
  const auto a = directory_.file("a.json"), b = directory_.file("b.json");
  run_binary({"run", scenario_, "--quiet", "--json", a});
  run_binary({"run", scenario_, "--quiet", "--json", b, "-s", "workload.lengths.output=16"});
  const auto outcome = run_binary({"compare", a, b});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("lengths.output"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("ttft_s"), std::string::npos);
}

TEST_F(CommandLine, ListsSlotsWithTheirPolicies) {
  const auto all = run_binary({"list"});
  const auto routers = run_binary({"list", "router"});
  EXPECT_EQ(all.code + routers.code, 0);
  for (const auto& [slot, listing] : slot_catalogue())
    for (const auto& [name, info] : listing.implementations) {
      EXPECT_NE(all.out.find("  " + name + "  " + info.doc), std::string::npos)
          << slot << " " << name;
      EXPECT_EQ(routers.out.find("  " + name + "  " + info.doc) != std::string::npos,
                slot == "router")
          << name;
    }
  EXPECT_NE(run_binary({"list", "--scenario"}).out.find("max_batched_tokens"), std::string::npos);
  EXPECT_NE(run_binary({"list", "--markdown"}).out.find("| `workload.requests` |"),
            std::string::npos);
}

TEST_F(CommandLine, ShowsTheModelsItLists) {
  const auto list = run_binary({"model", "list"});
  EXPECT_EQ(list.code, 0);
  EXPECT_NE(list.out.find("deepseek-r1\n"), std::string::npos);
  const auto show = run_binary({"model", "show", "olmoe"});
  EXPECT_EQ(show.code, 0) << show.err;
  EXPECT_NE(show.out.find("olmoe-1b-7b"), std::string::npos) << show.out;
}

TEST_F(CommandLine, InterruptedRunsEndWith130) {
  const auto err = directory_.file("err");
  const pid_t pid =
      testing::start({MOESIM_BINARY, "run", scenario_, "-s", "workload.requests=1000000", "-s",
                      "workload.lengths.output=500"},
                     directory_.file("out"), err);
  usleep(300'000);
  ASSERT_EQ(kill(pid, SIGINT), 0);
  EXPECT_EQ(testing::wait_for(pid), 130);
  EXPECT_EQ(file_text(directory_.file("out")), "");
}

TEST_F(CommandLine, AFullDiskIsSaidNotCrashed) {
  for (const char* command : {"run", "check"}) {
    const auto err = directory_.file("err");
    const pid_t pid = testing::start({MOESIM_BINARY, command, scenario_}, "/dev/full", err);
    EXPECT_EQ(testing::wait_for(pid), 1) << command;
    EXPECT_EQ(file_text(err), "moesim: cannot write to standard output: No space left on device\n")
        << command;
  }
}

TEST_F(CommandLine, AClosedPipeDoesNotCrash) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const auto path = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(ends[1]);
  const pid_t pid =
      testing::start({MOESIM_BINARY, "list", "--markdown"}, path, directory_.file("err"));
  const int code = testing::wait_for(pid);
  close(ends[1]);
  EXPECT_TRUE(code == 0 || code == 1) << code;
}

}  // namespace
}  // namespace moesim
