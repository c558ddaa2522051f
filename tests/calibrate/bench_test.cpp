// The benchmark session, with fake programs: what it leaves behind in every case.
#include "calibrate/bench.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "sim/core/csv.hpp"
#include "sim/core/text_file.hpp"
#include "tests/calibrate/fake_kernels.hpp"
#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::error_text;
using testing::FakeKernels;
using testing::TemporaryDirectory;

struct Log final : BenchObserver {
  std::vector<std::string> notes, ends;
  std::vector<std::optional<double>> left_s;
  void note(const std::string& line) override { notes.push_back(line); }
  void running(const BenchStep& step) override { left_s.push_back(step.left_s); }
  void ended(const BenchStep& step, const std::string& result) override {
    ends.push_back(step.what + ": " + result);
  }
};

class Bench : public ::testing::Test {
 protected:
  void SetUp() override {
    kernels_.add_anchor();
    kernels_.add_table("gemm_cpu", "op,m,latency_us\ngemm,1,10\ngemm,2,20\n");
    kernels_.add_table("permute_cpu",
                       "op,tokens,latency_us,flag\npermute,8,3,ok\nunpermute,8,4,ok\n");
    kernels_.add_table(
        "grouped_gemm_cpu",
        "op,latency_us,experts,flag\ngrouped_gemm,7,4,noisy\ngrouped_gemm,,8,no fp8\n");
  }

  BenchOptions options(std::vector<std::string> only = {}) const {
    BenchOptions options;
    options.out = out_;
    options.only = std::move(only);
    return options;
  }
  BenchOutcome run(const BenchOptions& options) {
    log_ = {};
    return run_bench(options, log_);
  }
  Json record() const { return Json::parse(read_text_file(out_ + "/run.json")); }
  std::string status(const std::string& operation) const {
    const auto json = record();
    for (const auto& entry : json["suite"]["ops"])
      if (entry["name"] == operation) return entry["status"];
    return "unknown";
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(out_))
      names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }

  FakeKernels kernels_;
  TemporaryDirectory directory_;
  std::string out_ = directory_.file("measured");
  Log log_;
};

TEST_F(Bench, LeavesOneTablePerGroupAndARecord) {
  const auto outcome = run(options());
  EXPECT_EQ(outcome.problem, "");
  EXPECT_EQ(files(),
            (std::vector<std::string>{"experts.csv", "gemm.csv", "memory.csv", "run.json"}));
  EXPECT_EQ(read_text_file(out_ + "/gemm.csv"),
            "program,op,m,latency_us\ngemm,gemm,1,10\ngemm,gemm,2,20\n");
  const auto json = record();
  EXPECT_EQ(json["schema"], "moesim-bench/1");
  EXPECT_EQ(json["device"]["kind"], "cpu");
  EXPECT_EQ(json["device"]["name"], "fake");
  EXPECT_EQ(json["suite"]["seed"], 1);
  EXPECT_EQ(json["suite"]["ops"].size(), 15U);
  EXPECT_GT(json["suite"]["total_s"], 0);
  EXPECT_EQ(status("gemm"), "complete");
  EXPECT_EQ(status("moe_layer"), "absent");
}

TEST_F(Bench, OperationsOfAGroupShareAFileWithTheUnionOfTheirColumns) {
  run(options());
  const auto table = read_csv(out_ + "/experts.csv");
  ASSERT_EQ(table.rows(), 4U);
  const auto cell = [&](std::size_t row, const char* column) {
    return table.cell(row, table.column(column));
  };
  // In the order of the suite, whatever the order of the runs.
  EXPECT_EQ(cell(0, "op"), "grouped_gemm");
  EXPECT_EQ(cell(0, "experts"), "4");
  EXPECT_EQ(cell(0, "tokens"), "");
  EXPECT_EQ(cell(1, "latency_us"), "");
  EXPECT_EQ(cell(2, "op"), "permute");
  EXPECT_EQ(cell(2, "tokens"), "8");
  EXPECT_EQ(cell(2, "experts"), "");
  EXPECT_EQ(cell(3, "op"), "unpermute");
  EXPECT_EQ(cell(3, "program"), "permute");
}

TEST_F(Bench, AnchorsAtStartMiddleAndEndGiveTheNoise) {
  // 2.5 us at first, a tenth more at every later run.
  kernels_.add("memory_stream_cpu",
               "n=$(wc -l < \"$0.calls\")\n"
               "echo op,pattern,array_bytes,l2,latency_us,device\n"
               "echo memory_stream,copy,4096,hot,1.5,fake\n"
               "echo memory_stream,read,1024,rotate,2.$((4 + n)),fake");
  run(options({"gemm", "permute"}));
  const auto noise = record()["noise"];
  EXPECT_EQ(noise["points"], (std::vector<std::string>{"read 1024 rotate", "copy 4096 hot"}));
  ASSERT_EQ(noise["anchors"].size(), 3U);
  EXPECT_EQ(noise["anchors"][0]["when"], "start");
  EXPECT_EQ(noise["anchors"][1]["when"], "middle");
  EXPECT_EQ(noise["anchors"][2]["when"], "end");
  EXPECT_NEAR(noise["drift"][0], 2.7 / 2.5 - 1, 1e-9);
  EXPECT_NEAR(noise["drift"][1], 0, 1e-9);
  // Standard deviations 0.1 of mean 2.6, and 0: the median of two is their mean.
  EXPECT_NEAR(noise["anchor_cv"], 0.1 / 2.6 / 2, 1e-9);
}

TEST_F(Bench, ASecondCallRunsOnlyWhatIsMissing) {
  run(options({"gemm"}));
  const auto outcome = run(options());
  EXPECT_EQ(outcome.problem, "");
  EXPECT_EQ(kernels_.calls("gemm_cpu"), 1);
  EXPECT_EQ(kernels_.calls("permute_cpu"), 1);
  const int anchors = kernels_.calls("memory_stream_cpu");
  run(options());
  EXPECT_EQ(kernels_.calls("permute_cpu"), 1);
  EXPECT_EQ(kernels_.calls("memory_stream_cpu"), anchors);
  ASSERT_EQ(log_.notes.size(), 2U);
  EXPECT_NE(log_.notes[1].find("nothing to do"), std::string::npos);
}

TEST_F(Bench, AnOperationWhoseRowsAreGoneRunsAgain) {
  run(options({"gemm", "permute"}));
  fs::remove(out_ + "/gemm.csv");
  run(options({"gemm", "permute"}));
  EXPECT_EQ(kernels_.calls("gemm_cpu"), 2);
  EXPECT_EQ(kernels_.calls("permute_cpu"), 1);
  EXPECT_EQ(read_csv(out_ + "/gemm.csv").rows(), 2U);
}

TEST_F(Bench, AFailedOperationIsNamedWithItsLineAndTheOthersAreKept) {
  kernels_.add("gemm_cpu",
               "echo 'op,m,latency_us'; echo gemm,1,10\n"
               "echo \"$0: wrong result at 7\" >&2\nexit 1");
  const auto outcome = run(options());
  EXPECT_NE(outcome.problem.find("gemm: wrong result at 7"), std::string::npos) << outcome.problem;
  EXPECT_NE(outcome.problem.find("3 operations are complete"), std::string::npos)
      << outcome.problem;
  EXPECT_EQ(status("gemm"), "failed");
  EXPECT_EQ(status("permute"), "complete");
  EXPECT_FALSE(fs::exists(out_ + "/gemm.csv"));
  kernels_.add_table("gemm_cpu", "op,m,latency_us\ngemm,1,10\n");
  EXPECT_EQ(run(options()).problem, "");
  EXPECT_EQ(status("gemm"), "complete");
  EXPECT_EQ(kernels_.calls("permute_cpu"), 1);
}

TEST_F(Bench, ADeviceThatDisappearsEndsTheSession) {
  // The first operation works, during the second the device goes, and then nothing works.
  const std::string gone =
      "if [ -e '" + directory_.file("used") + "' ]; then echo \"$0: no device\" >&2; exit 1; fi\n";
  kernels_.add("memory_stream_cpu", gone +
                                        "echo op,pattern,array_bytes,l2,latency_us\n"
                                        "echo memory_stream,read,1024,rotate,2");
  for (const std::string name : {"gemm", "permute", "grouped_gemm"})
    kernels_.add(name + "_cpu", "n=$(cat '" + kernels_.path() + "'/*gemm_cpu.calls '" +
                                    kernels_.path() +
                                    "'/permute_cpu.calls 2>/dev/null | wc -l)\n"
                                    "[ $n -ge 2 ] && touch '" +
                                    directory_.file("used") + "'\n" + gone +
                                    "echo op,latency_us\necho " + name + ",5");
  const auto outcome = run(options({"gemm", "permute", "grouped_gemm"}));
  EXPECT_NE(outcome.problem.find(": no device; cpu does not answer: memory_stream: no device"),
            std::string::npos)
      << outcome.problem;
  EXPECT_NE(outcome.problem.find("1 operation is complete"), std::string::npos) << outcome.problem;
  std::multiset<std::string> all;
  for (const char* name : {"gemm", "permute", "grouped_gemm"}) all.insert(status(name));
  EXPECT_EQ(all, (std::multiset<std::string>{"complete", "failed", "not run"}));
}

TEST_F(Bench, ADeviceThatIsNotThereIsToldBeforeAnythingIsMeasured) {
  kernels_.add("memory_stream_cpu", "echo \"$0: no CUDA device\" >&2; exit 1");
  try {
    run(options());
    FAIL() << "no error";
  } catch (const BenchError& error) {
    EXPECT_STREQ(error.what(), "cpu does not answer: memory_stream: no CUDA device");
  }
  EXPECT_EQ(kernels_.calls("gemm_cpu"), 0);
  EXPECT_TRUE(files().empty());
}

TEST_F(Bench, AProgramThatHangsIsKilledWithWhatItStarted) {
  kernels_.add("gemm_cpu", "sleep 600 & echo $! > \"$0.pid\"; wait");
  auto slow = options({"gemm", "permute"});
  slow.operation_timeout_s = 0.5;
  const auto outcome = run(slow);
  EXPECT_NE(outcome.problem.find("gemm: no end after 0.5 s"), std::string::npos) << outcome.problem;
  EXPECT_EQ(status("gemm"), "timed out");
  EXPECT_EQ(status("permute"), "complete");
  const auto pid = read_text_file(kernels_.file("gemm_cpu.pid"));
  // Gone, or a zombie nobody has collected yet.
  const auto stat = "/proc/" + pid.substr(0, pid.find('\n')) + "/stat";
  EXPECT_TRUE(!fs::exists(stat) || read_text_file(stat).find(") Z ") != std::string::npos);
}

TEST_F(Bench, StopsWhenItsTimeIsOver) {
  for (const char* name : {"gemm_cpu", "permute_cpu", "grouped_gemm_cpu"})
    kernels_.add(name, "sleep 600");
  auto brief = options({"gemm", "permute", "grouped_gemm"});
  brief.max_s = 0.3;
  const auto start = std::chrono::steady_clock::now();
  const auto outcome = run(brief);
  EXPECT_NE(outcome.problem.find("--max-seconds are over, 3 of 3 operations"), std::string::npos)
      << outcome.problem;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST_F(Bench, AnInterruptionKeepsWhatIsComplete) {
  auto stopped = options();
  stopped.interrupted = [&] {
    return kernels_.calls("gemm_cpu") + kernels_.calls("permute_cpu") >= 2;
  };
  for (const std::string name : {"gemm", "permute"})
    kernels_.add(name + "_cpu", "sleep 0.3; echo op,latency_us; echo " + name + ",5");
  EXPECT_THROW(run(stopped), BenchInterrupted);
  const bool gemm_first = fs::exists(out_ + "/gemm.csv");
  EXPECT_EQ(status(gemm_first ? "gemm" : "permute"), "complete");
  EXPECT_EQ(status(gemm_first ? "permute" : "gemm"), "not run");
  EXPECT_EQ(run(options()).problem, "");
  EXPECT_EQ(kernels_.calls(gemm_first ? "gemm_cpu" : "permute_cpu"), 1);
}

TEST_F(Bench, RefusesATableThatIsNotTheOperations) {
  const auto problem = [&](const std::string& table) {
    kernels_.add_table("gemm_cpu", table);
    return run(options({"gemm"})).problem;
  };
  EXPECT_NE(problem("op,m,latency_ms\ngemm,1,2\n")
                .find("gemm: its output:1:1: no column 'latency_us'; did you mean 'latency_ms'?"),
            std::string::npos);
  EXPECT_NE(problem("op,latency_us\ngemm,fast\n").find("its output:2:6: column 'latency_us'"),
            std::string::npos);
  EXPECT_NE(problem("op,latency_us\ngemm,0\n").find("a time of zero or less"), std::string::npos);
  EXPECT_NE(problem("op,latency_us\ngemm,\n").find("found an empty cell"), std::string::npos);
  EXPECT_NE(problem("m,latency_us\n1,3\n").find("no column 'op'"), std::string::npos);
  EXPECT_NE(problem("program,op,latency_us\nx,gemm,3\n").find("names the program itself"),
            std::string::npos);
  EXPECT_NE(problem("op,latency_us\ngemm,3,4\n").find("3 cells, but the header has 2"),
            std::string::npos);
  EXPECT_NE(problem("").find("empty table"), std::string::npos);
  EXPECT_FALSE(fs::exists(out_ + "/gemm.csv"));
}

TEST_F(Bench, RefusesAFolderOfAnotherDeviceSeedOrMode) {
  run(options({"gemm"}));
  const auto refusal = [&](auto change) {
    auto changed = options();
    change(changed);
    return error_text([&] { run(changed); });
  };
  EXPECT_NE(refusal([](auto& o) {
              o.seed = 2;
            }).find("measurements of another seed (1, now 2); choose another --out"),
            std::string::npos);
  EXPECT_NE(refusal([](auto& o) { o.short_mode = true; }).find("another mode (full, now short)"),
            std::string::npos);
  kernels_.add_anchor("fake", "");
  EXPECT_NE(refusal([](auto& o) {
              o.device = parse_bench_device("cuda:1");
            }).find("another device (cpu, now cuda:1)"),
            std::string::npos);
  kernels_.add_anchor("other");
  EXPECT_NE(refusal([](auto&) {}).find("another device (fake, now other)"), std::string::npos);
  EXPECT_EQ(kernels_.calls("permute_cpu"), 0);
}

TEST_F(Bench, RefusesAFolderOrARecordThatIsSomethingElse) {
  fs::create_directory(out_);
  std::ofstream(out_ + "/gemm.csv") << "mine\n";
  EXPECT_NE(error_text([&] { run(options()); }).find("there is a gemm.csv but no run.json"),
            std::string::npos);
  EXPECT_EQ(read_text_file(out_ + "/gemm.csv"), "mine\n");
  for (const char* text : {"", "{}", "[1]", "{\"schema\": \"other/1\"}",
                           "{\"schema\": \"moesim-bench/1\", \"device\": 3}"}) {
    std::ofstream(out_ + "/run.json") << text;
    EXPECT_NE(error_text([&] { run(options()); }).find("run.json: not the record of a benchmark"),
              std::string::npos)
        << text;
  }
}

TEST_F(Bench, RecordsWhatTheProbeFindsBeforeAndAfter) {
  kernels_.add("device_probe_cpu",
               "echo op,property,value\necho device_probe,name,fake\n"
               "echo device_probe,cuda_runtime,13.0\n"
               "echo device_probe,sm_mhz,$((1000 + $(wc -l < \"$0.calls\")))");
  run(options({"gemm"}));
  const auto device = record()["device"];
  EXPECT_EQ(device["properties"]["cuda_runtime"], "13.0");
  EXPECT_EQ(device["properties"]["sm_mhz"], "1001");
  EXPECT_EQ(device["properties_after"]["sm_mhz"], "1002");
}

TEST_F(Bench, PassesSeedAndModeOn) {
  auto changed = options({"gemm"});
  changed.seed = 42;
  changed.short_mode = true;
  run(changed);
  EXPECT_EQ(kernels_.last_arguments("gemm_cpu"), "--seed 42 --short");
}

TEST_F(Bench, EstimatesTheRestOnceAnOperationHasEnded) {
  run(options());
  ASSERT_FALSE(log_.left_s.empty());
  EXPECT_FALSE(log_.left_s.front());
  EXPECT_TRUE(log_.left_s.back());
}

TEST_F(Bench, NothingBuiltAtAllIsAnError) {
  auto cuda = options();
  cuda.device = parse_bench_device("cuda:0");
  EXPECT_NE(error_text([&] { run(cuda); }).find("no benchmark program for cuda is built"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(out_));
}

TEST_F(Bench, SuggestsOperations) {
  EXPECT_NE(error_text([&] { run(options({"grouped_gem"})); }).find("did you mean 'grouped_gemm'?"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(out_));
}

}  // namespace
}  // namespace moesim
