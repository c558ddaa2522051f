// Whole runs as a user starts them: wall time and peak memory of the process, from fork to its end.
// The recorded workload stands in MOESIM_REFERENCE_DATA (default: ../shared/data beside the
// sources); without it that benchmark says so.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace moesim {
namespace {

const std::string kScenarios = MOESIM_SOURCE_DIR "/scenarios/";

/// Peak memory of `moesim run` with these arguments, in bytes; negative when it failed.
double run_program(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {MOESIM_BINARY, "run"});
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, argv.front(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return -1;
  int status = 0;
  struct rusage usage {};
  wait4(pid, &status, 0, &usage);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return -1;
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

void measure(benchmark::State& state, const std::vector<std::string>& arguments) {
  double peak = 0;
  for (auto _ : state) {
    const double bytes = run_program(arguments);
    if (bytes < 0) return state.SkipWithError("moesim run failed");
    peak = std::max(peak, bytes);
  }
  state.counters["peak_MB"] = peak / 1e6;
}

void Quickstart(benchmark::State& state) { measure(state, {kScenarios + "quickstart.yaml"}); }
BENCHMARK(Quickstart)->UseRealTime()->Unit(benchmark::kMillisecond);

void QwenChat(benchmark::State& state) {
  measure(state, {kScenarios + "examples/qwen3-30b-chat.yaml"});
}
BENCHMARK(QwenChat)->UseRealTime()->Unit(benchmark::kMillisecond);

/// Expert parallelism over two nodes of four GPUs, 40 steps of 96 exchanges: as bytes per link, or
/// flow by flow.
void ServingPairwise(benchmark::State& state, const char* fidelity, const char* transport) {
  measure(state, {kScenarios + "examples/qwen3-30b-chat.yaml", "-s",
                  "cluster={nodes: 2, node: {profile: hgx-h100, gpus: 4, nics: 4}, fabric: "
                  "{type: leaf-spine, nodes_per_leaf: 1, spines: 2}}",
                  "-s", "parallel={data: 8, expert: 8}", "-s", "network.dispatch=all-to-all", "-s",
                  "workload={requests: 64, arrivals: at-once, lengths: {type: fixed, input: "
                  "500, output: 40}}",
                  "-s", std::string("network.fidelity=") + fidelity, "-s",
                  std::string("network.transport=") + transport});
}
BENCHMARK_CAPTURE(ServingPairwise, aggregate, "aggregate", "spray")
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ServingPairwise, pairwise, "pairwise", "spray")
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ServingPairwise, pairwise_ecmp, "pairwise", "ecmp")
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// Mixtral-8x7B at batch 1, LRU slots and gate look-ahead: 10,000 tokens.
void MixtralOffloaded(benchmark::State& state) {
  measure(state, {kScenarios + "papers/mixtral-offloading/a100.yaml", "--variant", "full", "-s",
                  "workload.requests=4", "-s", "workload.lengths.output=2500"});
}
BENCHMARK(MixtralOffloaded)->UseRealTime()->Unit(benchmark::kMillisecond);

/// 300 requests, 258,691 prompt and 199,486 generated tokens.
void QwenChatRecorded(benchmark::State& state) {
  const char* given = std::getenv("MOESIM_REFERENCE_DATA");
  const std::filesystem::path data = given != nullptr ? given : MOESIM_SOURCE_DIR "/../shared/data";
  const auto trace = data / "e2e/llmservingsim-rtxpro6000-qwen3-30b-a3b/workload.csv";
  if (!std::filesystem::exists(trace))
    return state.SkipWithError("no recorded workload (set MOESIM_REFERENCE_DATA)");
  measure(state, {kScenarios + "examples/qwen3-30b-chat.yaml", "-s",
                  "workload.trace=" + trace.string(), "-s", "workload.requests=300"});
}
BENCHMARK(QwenChatRecorded)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace moesim
