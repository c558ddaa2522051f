// `moesim calibrate bench` as a user calls it: with the real CPU programs, and with programs that
// fail or hang.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "sim/core/csv.hpp"
#include "tests/calibrate/fake_kernels.hpp"
#include "tests/cli/run_binary.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::FakeKernels;
using testing::file_text;
using testing::run_binary;
using testing::TemporaryDirectory;

std::ptrdiff_t lines(const std::string& text) { return std::ranges::count(text, '\n'); }

class CalibrateBench : public ::testing::Test {
 protected:
  testing::Outcome bench(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"calibrate", "bench", "--device", "cpu", "--out", out_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_binary(arguments);
  }
  TemporaryDirectory directory_;
  std::string out_ = directory_.file("measured");
};

TEST_F(CalibrateBench, MeasuresTheProcessorWithTheProgramThatWasBuilt) {
  setenv("MOESIM_KERNELS", MOESIM_KERNELS_DIR, 1);
  const auto outcome = bench({"--only", "memory_stream", "--short", "--seed", "7"});
  unsetenv("MOESIM_KERNELS");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("1 of 1 memory_stream: "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.out.find("memory_stream         complete"), std::string::npos) << outcome.out;
  const auto table = read_csv(out_ + "/memory.csv");
  EXPECT_GE(table.rows(), 8U) << "two sizes of four patterns";
  const auto bandwidth = table.column("bandwidth_Bps");
  for (std::size_t row = 0; row < table.rows(); ++row)
    EXPECT_GT(table.number(row, bandwidth), 1e7) << table.where(row, bandwidth);
  const auto json = Json::parse(file_text(out_ + "/run.json"));
  EXPECT_EQ(json["suite"]["ops"][0]["rows"], table.rows());
  EXPECT_EQ(json["device"]["name"], table.cell(0, table.column("device")));
  EXPECT_EQ(json["noise"]["anchors"].size(), 2U);
  EXPECT_GT(json["noise"]["anchor_cv"], 0);
}

TEST_F(CalibrateBench, AFailureNamesTheOperationAndEndsWithOne) {
  const FakeKernels kernels;
  kernels.add_anchor();
  kernels.add("gemm_cpu", "echo \"$0: the device fell off the bus\" >&2; exit 1");
  kernels.add_table("launch_cpu", "op,latency_us\nlaunch,1\n");
  const auto outcome = bench();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("moesim: the run failed: gemm: the device fell off the bus; 2 "
                             "operations are complete"),
            std::string::npos)
      << outcome.err;
  EXPECT_TRUE(fs::exists(out_ + "/memory.csv"));
  EXPECT_FALSE(fs::exists(out_ + "/gemm.csv"));
}

TEST_F(CalibrateBench, AnInterruptEndsTheProgramAndKeepsTheRest) {
  const FakeKernels kernels;
  kernels.add_anchor();
  kernels.add_table("launch_cpu", "op,latency_us\nlaunch,1\n");
  ASSERT_EQ(bench({"--only", "launch"}).code, 0);
  kernels.add("gemm_cpu", "echo $$ > \"$0.pid\"; exec sleep 600");
  const auto pid = testing::start(
      {MOESIM_BINARY, "calibrate", "bench", "--device", "cpu", "--out", out_, "--timeout", "500"},
      directory_.file("out"), directory_.file("err"));
  const auto child = kernels.file("gemm_cpu.pid");
  for (int i = 0; i < 600 && file_text(child).empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_FALSE(file_text(child).empty());
  kill(pid, SIGINT);
  EXPECT_EQ(testing::wait_for(pid), 130);
  const auto err = file_text(directory_.file("err"));
  EXPECT_NE(err.find("interrupted; the same command goes on from there\n"), std::string::npos)
      << err;
  EXPECT_NE(kill(std::stoi(file_text(child)), 0), 0) << "the program outlived the benchmark";
  EXPECT_TRUE(fs::exists(out_ + "/memory.csv"));
  EXPECT_FALSE(fs::exists(out_ + "/gemm.csv"));
}

TEST_F(CalibrateBench, TwoBenchmarksDoNotMixInOneFolder) {
  const FakeKernels kernels;
  kernels.add("memory_stream_cpu", "echo > \"$0.running\"; exec sleep 600");
  const auto pid =
      testing::start({MOESIM_BINARY, "calibrate", "bench", "--device", "cpu", "--out", out_},
                     directory_.file("out"), directory_.file("err"));
  for (int i = 0; i < 600 && !fs::exists(kernels.file("memory_stream_cpu.running")); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto second = bench();
  kill(pid, SIGTERM);
  EXPECT_EQ(testing::wait_for(pid), 130);
  EXPECT_EQ(second.code, 2);
  EXPECT_NE(second.err.find("another benchmark writes to this folder now"), std::string::npos)
      << second.err;
}

TEST_F(CalibrateBench, WrongUsageIsToldInOneLine) {
  const FakeKernels kernels;
  kernels.add_anchor();
  const auto said = [&](const std::vector<std::string>& arguments, const std::string& expected) {
    auto all = arguments;
    all.insert(all.begin(), {"calibrate", "bench"});
    const auto outcome = run_binary(all);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(lines(outcome.err), 1) << outcome.err;
    EXPECT_NE(outcome.err.find(expected), std::string::npos) << outcome.err;
  };
  said({"--device", "gpu", "--out", out_}, "did you mean 'cuda:0'?");
  said({"--device", "cpu"}, "--out is required");
  said({"--out", out_}, "--device is required");
  said({"--device", "cpu", "--out", out_, "--only", "gem,launch"}, "did you mean 'gemm'?");
  said({"--device", "cpu", "--out", out_, "--seed", "-1"}, "--seed");
  said({"--device", "cpu", "--out", out_, "--max-seconds", "0"}, "--max-seconds");
  said({"--device", "cuda:0", "--out", out_}, "no benchmark program for cuda is built");
  std::ofstream(directory_.file("plain")) << "a file\n";
  said({"--device", "cpu", "--out", directory_.file("plain")}, "plain: cannot write");
  said({"--device", "cpu", "--out", directory_.file("plain/below")}, "below: cannot write");
  EXPECT_FALSE(fs::exists(out_));
  EXPECT_NE(run_binary({"calibrate", "bnch"}).err.find("did you mean 'bench'?"), std::string::npos);
  EXPECT_NE(run_binary({"calibrate"}).err.find("(see: moesim calibrate --help)"),
            std::string::npos);
}

}  // namespace
}  // namespace moesim
