// `moesim sweep` as a user meets it: resumption, kills at random moments, errors.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "sim/core/csv.hpp"
#include "sim/core/random.hpp"
#include "sim/sweep/store.hpp"
#include "tests/cli/run_binary.hpp"
#include "tests/sweep/contains.hpp"

namespace moesim {
namespace {

using test::contains;
using testing::file_text;
using testing::run_binary;
using testing::write_file;

/// Some 40 ms of work.
const std::string kScenario =
    "scenario:\n"
    "  model: {name: olmoe}\n"
    "  cluster: {node: hgx-h200}\n"
    "  parallel: {tensor: 2, expert: 2}\n"
    "  cost: spec\n"
    "  routing: {pool_tokens: 64}\n"
    "  network: {collectives: links}\n"
    "  workload:\n"
    "    requests: 5\n"
    "    arrivals: {type: poisson, rate: 20 /s}\n"
    "    lengths: {type: fixed, input: 64, output: 2}\n";
const std::string kObjective = "objectives: [{maximize: throughput.output_tokens_per_s}]\n";

class Sweep : public ::testing::Test {
 protected:
  std::string sweep(const std::string& axes, const std::string& name = "s.yaml") {
    return write_file(directory_, name, kScenario + axes + kObjective);
  }
  testing::Outcome run(const std::string& file, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"sweep", file, "--out", out_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_binary(arguments);
  }
  std::map<std::string, StoredResult> results() const {
    return SweepStore::read(out_ + "/sweep.sqlite").results();
  }
  testing::TemporaryDirectory directory_;
  std::string out_ = directory_.file("out");
};

TEST_F(Sweep, RunsEveryPointAndSaysWhichIsBest) {
  const auto outcome = run(sweep("axes: {workload.arrivals.rate: [10 /s, 20 /s, 40 /s]}\n"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "3 points: 3 done"));
  const auto first_row = outcome.out.find("40 /s");
  EXPECT_LT(first_row, outcome.out.find("20 /s")) << "more requests, more tokens per second";
  const auto table = read_csv(out_ + "/points.csv");
  ASSERT_EQ(table.rows(), 3U);
  EXPECT_EQ(table.cell(0, table.column("workload.arrivals.rate")), "10 /s");
  EXPECT_EQ(table.number(2, table.column("requests.completed")), 5);
  const auto json = nlohmann::json::parse(file_text(out_ + "/points.json"));
  EXPECT_EQ(json["best"]["settings"]["workload.arrivals.rate"], "40 /s");
}

TEST_F(Sweep, AgreesWithTheRunOfItsPoint) {
  run(sweep("axes: {workload.arrivals.rate: [40 /s]}\n"));
  auto scenario = kScenario.substr(kScenario.find('\n') + 1);
  const auto file = write_file(directory_, "one.yaml", scenario);
  const auto one =
      run_binary({"run", file, "-s", "workload.arrivals.rate=40 /s", "--json", "-", "--quiet"});
  const auto json = nlohmann::json::parse(one.out);
  const auto table = read_csv(out_ + "/points.csv");
  EXPECT_EQ(table.number(0, table.column("ttft_s.p99")), json["ttft_s"]["p99"].get<double>());
}

TEST_F(Sweep, RunsOnlyNewPointsWhenAnAxisGrows) {
  run(sweep("axes: {workload.arrivals.rate: [10 /s, 20 /s]}\n"));
  const auto before = results();
  const auto outcome = run(sweep("axes: {workload.arrivals.rate: [5 /s, 10 /s, 20 /s]}\n"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto after = results();
  EXPECT_EQ(after.size(), 3U);
  for (const auto& [key, result] : before) {
    EXPECT_EQ(after.at(key).start, 1) << "run twice";
    EXPECT_EQ(after.at(key).wall_s, result.wall_s);
  }
  EXPECT_TRUE(contains(outcome.out, "3 points: 3 done"));
}

TEST_F(Sweep, RecordsAFailedPointAndGoesOn) {
  const auto outcome =
      run(sweep("axes: {parallel.tensor: [2, 4, 7]}\n"));  // 16 heads are not 7 equal parts
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "1 failed"));
  EXPECT_TRUE(contains(outcome.out, "parallel.tensor=7: "));
  const auto table = read_csv(out_ + "/points.csv");
  EXPECT_EQ(table.cell(2, table.column("state")), "refused");
  EXPECT_EQ(run(sweep("axes: {parallel.tensor: [2, 4, 7]}\n"), {"--quiet"}).err, "");
  for (const auto& [key, result] : results()) EXPECT_EQ(result.start, 1) << "not run again";
}

TEST_F(Sweep, FailsWhenNothingCouldBeRun) {
  const auto outcome = run(sweep("axes: {parallel.tensor: [7]}\n"));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(contains(outcome.err, "no point of the sweep could be run"));
}

TEST_F(Sweep, FindsMistakesBeforeAnythingRuns) {
  const auto file = sweep("axes:\n  engine.max_sequences: [4, 8]\n  cost: [spec, spek]\n");
  const auto outcome = run(file);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(contains(outcome.err, file + ":14:16: "));
  EXPECT_TRUE(contains(outcome.err, "did you mean 'spec'"));
  EXPECT_FALSE(std::filesystem::exists(out_));
  EXPECT_TRUE(contains(run(sweep("axes: {engine.max_seqences: [4]}\n")).err,
                       "did you mean 'max_sequences'"));
}

TEST_F(Sweep, IsRefusedWhileAnotherOneWritesItsStore) {
  const auto file = sweep("axes: {workload.arrivals.rate: {from: 1 /s, to: 200 /s, step: 1 /s}}\n");
  const pid_t first = testing::start({MOESIM_BINARY, "sweep", file, "--out", out_, "--quiet"},
                                     directory_.file("o"), directory_.file("e"));
  while (!std::filesystem::exists(out_ + "/sweep.sqlite-journal"))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto second = run(file);
  EXPECT_EQ(second.code, 2);
  EXPECT_TRUE(contains(second.err, "sweep.sqlite: another sweep (process " + std::to_string(first) +
                                       ") is writing it"));
  kill(first, SIGINT);
  EXPECT_EQ(testing::wait_for(first), 130);
}

TEST_F(Sweep, SaysThatItCannotWriteThere) {
  out_ = "/proc/sweep";
  const auto outcome = run(sweep("axes: {engine.max_sequences: [4]}\n"));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(contains(outcome.err, "/proc/sweep: cannot write"));
}

/// A file system of that size at a folder, for as long as this lives.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& folder) : folder_(folder) {
    std::filesystem::create_directories(folder);
    mounted_ = mount("moesim-test", folder.c_str(), "tmpfs", 0, "size=64k") == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  bool grow() const {
    return mount("moesim-test", folder_.c_str(), "tmpfs", MS_REMOUNT, "size=16m") == 0;
  }

 private:
  std::string folder_;
  bool mounted_ = false;
};

TEST_F(Sweep, AFullDiskEndsItAndLosesNothing) {
  const SmallDisk disk(out_);
  if (!disk.mounted()) GTEST_SKIP() << "may not mount a small file system here (needs root)";
  const auto file = sweep("axes: {workload.arrivals.rate: {from: 1 /s, to: 40 /s, step: 1 /s}}\n");
  const auto full = run(file, {"--jobs", "1"});
  EXPECT_EQ(full.code, 1);
  EXPECT_TRUE(contains(full.err, "sweep.sqlite: ")) << full.err;
  EXPECT_TRUE(contains(full.err, "full")) << full.err;
  const auto before = results();
  EXPECT_GE(before.size(), 1U);
  EXPECT_LT(before.size(), 40U);
  ASSERT_TRUE(disk.grow());
  EXPECT_EQ(run(file, {"--quiet"}).code, 0);
  const auto after = results();
  EXPECT_EQ(after.size(), 40U);
  for (const auto& [key, result] : before) EXPECT_EQ(after.at(key).start, 1) << "run twice";
}

TEST_F(Sweep, RunsStudiesOfCollectives) {
  const auto file = write_file(
      directory_, "c.yaml",
      "scenario:\n"
      "  kind: collective\n"
      "  cluster:\n"
      "    nodes: 8\n"
      "    node: {profile: hgx-h100, gpus: 1, nics: 1}\n"
      "    fabric: {type: leaf-spine, nodes_per_leaf: 4, spines: 4}\n"
      "  collectives: [{collective: {type: all-to-all, bytes: 1 MiB}}]\n"
      "axes:\n"
      "  cluster.fabric.oversubscription: [1, 4]\n"
      "  fidelity: [analytic, pairwise]\n"
      "  path: {variants: {sprayed: {transports: [spray]}, hashed: {transports: [ecmp]}}}\n"
      "objectives: [{minimize: completion_s.mean}]\n");
  const auto outcome = run(file);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto table = read_csv(out_ + "/points.csv");
  ASSERT_EQ(table.rows(), 8U);
  const auto time = [&](std::size_t row) {
    return table.number(row, table.column("completion_s.mean"));
  };
  for (const std::size_t at : {0U, 4U}) {  // rows of one oversubscription
    EXPECT_NEAR(time(at + 2), time(at), 0.05 * time(at)) << "sprayed: pairwise as analytic";
    EXPECT_GE(time(at + 1), time(at)) << "hashing is no faster than spraying";
  }
  EXPECT_GT(time(4), 1.5 * time(0)) << "a quarter of the uplinks";
}

TEST_F(Sweep, APointIsOneCollectiveUnderOneTransport) {
  const auto file = write_file(directory_, "c.yaml",
                               "scenario:\n"
                               "  kind: collective\n"
                               "  cluster: {node: hgx-h100, nodes: 2}\n"
                               "  collectives: [{collective: {type: all-to-all, bytes: 1 MiB}}]\n"
                               "  transports: [spray, ecmp]\n"
                               "axes: {samples: [1, 2]}\n"
                               "objectives: [{minimize: completion_s.mean}]\n");
  const auto outcome = run(file);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(contains(outcome.err, "c.yaml:5:")) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "a point of a sweep has one transport")) << outcome.err;
  const auto wrong = write_file(directory_, "w.yaml",
                                "scenario: {kind: collective, cluster: {node: hgx-h100}, "
                                "collectives: [{collective: all-to-all}]}\n"
                                "axes: {samples: [1, 2]}\n"
                                "objectives: [{minimize: ttft_s.p50}]\n");
  const auto unknown = run(wrong);
  EXPECT_EQ(unknown.code, 2);
  EXPECT_TRUE(contains(unknown.err, "unknown name 'ttft_s.p50'")) << unknown.err;
}

TEST_F(Sweep, FourShardsMergedEqualOneRunByteForByte) {
  const auto file = sweep(
      "repeats: 2\naxes:\n  workload.arrivals.rate: [10 /s, 20 /s, 40 /s]\n"
      "  parallel.tensor: [2, 7]\nwhere: workload.arrivals.rate > 5 /s\n");
  ASSERT_EQ(run(file, {"--quiet"}).code, 0);
  std::vector<std::string> merge = {"merge", "--quiet", "--out", directory_.file("merged")};
  for (const std::string shard : {"3", "1", "4", "2"}) {
    const auto outcome = run_binary(
        {"sweep", file, "--quiet", "--shard", shard + "/4", "--out", directory_.file("shards")});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    merge.push_back(directory_.file("shards/shard-" + shard + "-of-4.sqlite"));
  }
  const auto outcome = run_binary(merge);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const std::string name : {"points.csv", "points.json"})
    EXPECT_EQ(file_text(directory_.file("merged/" + name)), file_text(out_ + "/" + name)) << name;
  EXPECT_GT(file_text(out_ + "/points.csv").size(), 2000U);
}

TEST_F(Sweep, MergeRefusesShardsOfDifferentSweeps) {
  const auto other = directory_.file("other");
  run(sweep("axes: {workload.arrivals.rate: [10 /s]}\n"), {"--quiet"});
  run_binary({"sweep", sweep("axes: {workload.arrivals.rate: [20 /s]}\n", "t.yaml"), "--quiet",
              "--out", other});
  const auto outcome = run_binary({"merge", out_ + "/sweep.sqlite", other + "/sweep.sqlite",
                                   "--out", directory_.file("merged")});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(contains(outcome.err, other + "/sweep.sqlite: of another sweep than " + out_));
}

TEST_F(Sweep, RefusesShardsThatDoNotExist) {
  for (const std::string shard : {"0/4", "5/4", "4", "a/b", "1/4x"})
    EXPECT_TRUE(contains(run(sweep("axes: {engine.max_sequences: [4]}\n"), {"--shard", shard}).err,
                         "--shard " + shard + ": expected i/n"));
}

TEST_F(Sweep, SearchesInsteadOfRunningAll) {
  const auto file = sweep(
      "axes:\n  workload.arrivals.rate: {from: 10 /s, to: 80 /s, step: 10 /s}\n"
      "  engine.max_sequences: [1, 4]\n");
  const auto outcome = run(file, {"--search", "{type: local, budget: 8}"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "search local: 8 of 16 designs run in full, the work of 8"));
  EXPECT_EQ(results().size(), 8U);
  const auto halving = run(file, {"--search", "{type: halving, budget: 4, eta: 2, rounds: 2}"});
  EXPECT_TRUE(contains(halving.out, "search halving: 2 of 16 designs run in full, 4 shortened"))
      << halving.out << halving.err;
  EXPECT_TRUE(contains(run(file, {"--shard", "1/2", "--search", "{type: local, budget: 8}"}).err,
                       "cannot be split into shards"));
  EXPECT_TRUE(
      contains(run(file, {"--search", "{type: lokal, budget: 8}"}).err, "did you mean 'local'"));
}

class Capacity : public Sweep {};

/// The small scenario with a limit; its fields written out so that an SLO can be met.
const std::string kLimited =
    "model: {name: olmoe}\ncluster: {node: hgx-h200}\nparallel: {tensor: 2, expert: 2}\n"
    "cost: spec\nrouting: {pool_tokens: 64}\nnetwork: {collectives: links}\n"
    "engine: {max_sequences: 2}\nslo: {ttft: 20 ms}\n"
    "workload:\n  requests: 200\n  arrivals: {type: poisson, rate: 20 /s}\n"
    "  lengths: {type: fixed, input: 64, output: 8}\n";

TEST_F(Capacity, FindsTheRateAtWhichTheSloBreaks) {
  const auto file = write_file(directory_, "c.yaml", kLimited);
  const auto outcome = run_binary({"capacity", file, "--json", "-", "--precision", "0.05"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto row = nlohmann::json::parse(outcome.out).at(0);
  const double rate = row["load"];
  EXPECT_GE(row["figures"]["goodput.fraction"].get<double>(), 0.99);
  const auto beyond = run_binary({"run", file, "--json", "-", "-s",
                                  "workload.arrivals.rate=" + std::to_string(rate * 1.06) + " /s"});
  const auto result = nlohmann::json::parse(beyond.out);
  EXPECT_LT(result["goodput"]["fraction"].get<double>(), 0.99) << "6 % above it misses";
}

TEST_F(Capacity, FindsTheFewestGpusForALoad) {
  const auto file = write_file(directory_, "c.yaml",
                               kLimited +
                                   "variants:\n  eight: {parallel: {tensor: 8}}\n"
                                   "  two: {}\n  four: {parallel: {data: 2}}\n");
  const auto all = run_binary({"capacity", file, "--json", "-", "--precision", "0.05"});
  std::map<std::string, double> load;
  for (const auto& row : nlohmann::json::parse(all.out))
    load[row["design"].get<std::string>()] = row["load"].get<double>();
  ASSERT_EQ(load.size(), 3U);
  EXPECT_GT(load["four"], load["two"]);
  const auto between = std::to_string((load["two"] + load["four"]) / 2) + " /s";
  const auto outcome = run_binary({"capacity", file, "--json", "-", "--load", between});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out).at(0)["gpus"], 4);
}

TEST_F(Capacity, NeedsAServiceLevel) {
  const auto file = write_file(directory_, "c.yaml", testing::kSmallScenario);
  const auto outcome = run_binary({"capacity", file});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(contains(outcome.err, "capacity needs a service level"));
}

/// Process ids of the children of `parent`: in /proc/PID/stat the parent comes third, behind a name
/// in brackets.
std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto stat = file_text(entry.path() / "stat");
    std::istringstream rest(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
    std::string state;
    pid_t its_parent = 0;
    if (rest >> state >> its_parent && its_parent == parent) children.push_back(std::stoi(name));
  }
  return children;
}

TEST_F(Sweep, SurvivesTwentyKillsAtRandomMoments) {
  const auto file = sweep("axes: {workload.arrivals.rate: {from: 1 /s, to: 150 /s, step: 1 /s}}\n");
  const RandomStream random(1, stream_id("kill"));
  std::map<std::string, StoredResult> known;
  for (std::uint64_t round = 0; round < 20; ++round) {
    const pid_t sweep =
        testing::start({MOESIM_BINARY, "sweep", file, "--out", out_, "--quiet", "--jobs", "1"},
                       directory_.file("o"), directory_.file("e"));
    std::this_thread::sleep_for(std::chrono::milliseconds(random.below(round, 500)));
    const bool worker = round % 2 == 1;
    auto workers = children_of(sweep);
    for (int wait = 0; worker && workers.empty() && wait < 400; ++wait) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      workers = children_of(sweep);
    }
    ASSERT_FALSE(worker && workers.empty()) << "nothing left to kill";
    if (worker) kill(workers[random.below(100 + round, workers.size())], SIGKILL);
    if (worker) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    kill(sweep, SIGKILL);
    testing::wait_for(sweep);
    if (!std::filesystem::exists(out_ + "/sweep.sqlite")) continue;
    SweepStore store(out_ + "/sweep.sqlite");  // opens for writing: the lock went with its holder
    const auto now = store.results();
    for (const auto& [key, result] : known) {
      ASSERT_TRUE(now.contains(key)) << "lost";
      if (result.state != StoredResult::State::kDone) continue;
      EXPECT_EQ(now.at(key).start, result.start) << "run twice";
      EXPECT_EQ(now.at(key).wall_s, result.wall_s) << "run twice";
    }
    known = now;
  }
  EXPECT_EQ(run(file, {"--quiet"}).code, 0);
  const auto all = results();
  EXPECT_EQ(all.size(), 150U);
  for (const auto& [key, result] : all) EXPECT_EQ(result.state, StoredResult::State::kDone);
  for (const auto& [key, result] : known)
    if (result.state == StoredResult::State::kDone) {
      EXPECT_EQ(all.at(key).start, result.start);
    }
}

}  // namespace
}  // namespace moesim
