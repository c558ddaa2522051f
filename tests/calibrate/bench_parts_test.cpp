// The parts of the benchmark harness: device names, order, processes.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "calibrate/bench_device.hpp"
#include "calibrate/bench_process.hpp"
#include "calibrate/bench_suite.hpp"
#include "calibrate/bench_table.hpp"
#include "tests/calibrate/fake_kernels.hpp"
#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

using testing::error_text;

std::vector<std::string> names(const std::vector<BenchOperation>& operations) {
  std::vector<std::string> all;
  for (const auto& operation : operations) all.push_back(operation.name);
  return all;
}

TEST(BenchSuite, HasSevenTablesBesideItsRecord) {
  std::set<std::string> files, operations;
  for (const auto& operation : bench_suite())
    files.insert(operation.file), operations.insert(operation.name);
  EXPECT_EQ(files.size(), 7U);
  EXPECT_EQ(operations.size(), bench_suite().size());
}

TEST(BenchSuite, OrderFollowsTheSeed) {
  const auto one = names(planned_operations({}, 1)), again = names(planned_operations({}, 1));
  auto two = names(planned_operations({}, 2));
  EXPECT_EQ(one, again);
  EXPECT_NE(one, two);
  std::ranges::sort(two);
  auto all = names(bench_suite());
  std::ranges::sort(all);
  EXPECT_EQ(two, all);
}

TEST(BenchSuite, WhatIsLeftOutDoesNotChangeTheOrderOfTheRest) {
  auto all = names(planned_operations({}, 3));
  std::erase_if(all, [](const std::string& name) { return name != "gemm" && name != "launch"; });
  EXPECT_EQ(names(planned_operations({"launch", "gemm"}, 3)), all);
}

TEST(BenchDevice, ReadsCpuAndGpus) {
  EXPECT_EQ(parse_bench_device("cpu").text(), "cpu");
  EXPECT_EQ(parse_bench_device("cuda").text(), "cuda:0");
  EXPECT_EQ(parse_bench_device("cuda:12").index, 12);
  const auto refusal = [](const std::string& text) {
    return error_text([&] { parse_bench_device(text); });
  };
  EXPECT_NE(refusal("gpu:1").find("did you mean 'cuda:0'?"), std::string::npos);
  EXPECT_NE(refusal("cud:0").find("did you mean 'cuda:0'?"), std::string::npos);
  for (const char* text : {"", "cuda:", "cuda:-1", "cuda:x", "cuda:1x", "CPU "})
    EXPECT_NE(refusal(text).find("--device: unknown device"), std::string::npos) << text;
}

/// The entry CUDA_VISIBLE_DEVICES of a child's environment.
std::string visible(const std::string& device, bool every) {
  for (const auto& entry : bench_environment(parse_bench_device(device), every))
    if (entry.starts_with("CUDA_VISIBLE_DEVICES=")) return entry.substr(21);
  return "unset";
}

TEST(BenchDevice, CountsWithinTheDevicesThatAreVisible) {
  unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_EQ(visible("cuda:3", false), "3");
  EXPECT_EQ(visible("cuda:3", true), "unset");
  EXPECT_EQ(visible("cpu", false), "unset");
  setenv("CUDA_VISIBLE_DEVICES", "5,GPU-ab12", 1);
  EXPECT_EQ(visible("cuda:1", false), "GPU-ab12");
  EXPECT_EQ(visible("cuda:1", true), "5,GPU-ab12");
  EXPECT_NE(error_text([] { visible("cuda:2", false); }).find("names 2 devices"),
            std::string::npos);
  unsetenv("CUDA_VISIBLE_DEVICES");
}

class BenchProcess : public ::testing::Test {
 protected:
  ProcessResult run(const std::string& script, double timeout_s = 60) {
    kernels_.add("program", script);
    return run_process({kernels_.file("program"), {}, {"PATH=/usr/bin:/bin"}, timeout_s},
                       [](double) { return true; });
  }
  testing::FakeKernels kernels_;
};

TEST_F(BenchProcess, CollectsBothStreamsHoweverLongTheyAre) {
  const auto result = run("head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2");
  EXPECT_EQ(result.failure, "");
  EXPECT_EQ(result.out.size(), 3'000'000U);
  EXPECT_EQ(result.err.size(), 2'000'000U);
}

TEST_F(BenchProcess, SaysWhatWentWrong) {
  EXPECT_EQ(run("echo warning >&2; echo \"$0: out of memory\" >&2; echo usage >&2; exit 2").failure,
            "out of memory");
  EXPECT_EQ(run("echo first >&2; echo last >&2; exit 1").failure, "last");
  EXPECT_EQ(run("exit 3").failure, "exit code 3 and nothing on stderr");
  EXPECT_EQ(run("kill -SEGV $$").failure, "ended by signal 11 (Segmentation fault)");
  const auto missing = run_process({"/nowhere/program", {}, {}, 1}, [](double) { return true; });
  EXPECT_EQ(missing.failure, "cannot start /nowhere/program: No such file or directory");
}

TEST_F(BenchProcess, DoesNotWaitForWhatAProgramLeavesBehind) {
  const auto result = run("echo done; sleep 600 &");
  EXPECT_EQ(result.failure, "");
  EXPECT_EQ(result.out, "done\n");
  EXPECT_LT(result.seconds, 60);
}

TEST_F(BenchProcess, EndsAProgramThatFloodsItsOutput) {
  EXPECT_EQ(run("cat /dev/zero").failure, "wrote more than 64 MiB");
}

TEST(BenchTable, ReplacesTheRowsOfOneProgram) {
  const auto group =
      parse_csv("program,op,a\nlaunch,launch,1\nmemory_stream,memory_stream,2\n", "g.csv");
  const auto fresh = parse_csv("op,b\nmemory_stream,\"x, y\"\n", "f.csv");
  const auto merged = merge_rows(group, fresh, "memory_stream");
  EXPECT_EQ(merged, "program,op,a,b\nmemory_stream,memory_stream,,\"x, y\"\nlaunch,launch,1,\n");
  EXPECT_EQ(rows_of(parse_csv(merged, "m.csv"), "launch"), 1);
}

}  // namespace
}  // namespace moesim
