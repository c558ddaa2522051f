// Every kind of mistake a user makes: exit code 2, one line on stderr that opens with "moesim: ",
// the place where the mistake is, and what to do about it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/cli/run_binary.hpp"

namespace moesim {
namespace {

using testing::Outcome;
using testing::run_binary;
using testing::TemporaryDirectory;
using testing::write_file;

/// The small scenario with one text replaced (nothing replaced: `to` is appended), and what the
/// line must hold.
struct Mistake {
  std::string kind;
  std::string from, to;
  std::string place;  ///< "line:column" in the scenario; "" when the mistake is elsewhere
  std::vector<std::string> holds;
};

void expect_one_helpful_line(const Outcome& outcome, const std::string& kind,
                             const std::vector<std::string>& holds) {
  EXPECT_EQ(outcome.code, 2) << kind << ": " << outcome.err;
  EXPECT_EQ(outcome.out, "") << kind;
  EXPECT_TRUE(outcome.err.starts_with("moesim: ")) << kind << ": " << outcome.err;
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << kind << ": " << outcome.err;
  EXPECT_TRUE(outcome.err.ends_with('\n')) << kind;
  for (const auto& part : holds)
    EXPECT_NE(outcome.err.find(part), std::string::npos)
        << kind << ": no '" << part << "' in " << outcome.err;
}

std::string changed(const std::string& from, const std::string& to) {
  std::string text = testing::kSmallScenario;
  if (from.empty()) return text + to;
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("not in the scenario: " + from);
  return text.replace(at, from.size(), to);
}

void check(const std::vector<Mistake>& mistakes) {
  const TemporaryDirectory directory;
  for (const auto& mistake : mistakes) {
    const auto path = write_file(directory, "bad.yaml", changed(mistake.from, mistake.to));
    auto holds = mistake.holds;
    if (!mistake.place.empty()) holds.push_back("moesim: " + path + ":" + mistake.place + ": ");
    for (const char* command : {"run", "check"})
      expect_one_helpful_line(run_binary({command, path}), mistake.kind, holds);
  }
}

TEST(BadScenario, QuantitiesAndNumbers) {
  check({
      {"missing unit", "20 /s", "20", "6:35", {"'20' has no unit", "'4 /s'"}},
      {"wrong unit", "20 /s", "20 GB/s", "6:35", {"is a bandwidth, but a rate belongs here"}},
      {"unknown unit", "20 /s", "20 req/ss", "6:35", {"did you mean 'req/s'?"}},
      {"negative rate", "20 /s", "-4 /s", "6:35", {"rate must be above 0 /s, found -4 /s"}},
      {"infinite rate", "20 /s", "inf /s", "6:35", {"is not a rate"}},
      {"zero requests",
       "requests: 20",
       "requests: 0",
       "5:13",
       {"requests must be at least 1, found 0"}},
      {"fraction of a request",
       "requests: 20",
       "requests: 2.5",
       "5:13",
       {"expected a whole number"}},
      {"quoted number", "requests: 20", "requests: '20'", "5:13", {"found the quoted text \"20\""}},
      {"too large a number",
       "requests: 20",
       "requests: 99999999999999999999",
       "5:13",
       {"out of range"}},
      {"negative tokens",
       "input: 128",
       "input: -1",
       "7:33",
       {"input must be at least 1, found -1"}},
      {"bad seed", "", "seed: abc\n", "8:7", {"expected a whole number, found 'abc'"}},
      {"negative seed", "", "seed: -1\n", "8:7", {"seed must be at least 0, found -1"}},
      {"share above one",
       "",
       "engine: {memory: {utilization: 1.5}}\n",
       "8:32",
       {"at most 1, found 1.5"}},
  });
}

TEST(BadScenario, KeysAndTypes) {
  check({
      {"unknown section",
       "parallel",
       "paralel",
       "3:1",
       {"unknown key 'paralel'; did you mean 'parallel'?"}},
      {"unknown key",
       "requests: 20",
       "request: 20",
       "5:3",
       {"did you mean 'requests'?", "(valid: "}},
      {"duplicate key",
       "",
       "model: {name: mixtral}\n",
       "8:1",
       {"duplicate key 'model' (first at line 1)"}},
      {"wrong type",
       "{tensor: 2, expert: 2}",
       "2",
       "3:11",
       {"expected a mapping (key: value), found '2'"}},
      {"list for a word", "name: olmoe", "name: [olmoe]", "1:15", {"expected text, found a list"}},
      {"missing required section",
       "model: {name: olmoe}\n",
       "",
       "1:1",
       {"missing parameter 'model'"}},
      {"missing required parameter",
       ", rate: 20 /s",
       "",
       "6:13",
       {"missing parameter 'rate'", "for example"}},
      {"missing lengths",
       "  lengths: {type: fixed, input: 128, output: 8}\n",
       "",
       "5:3",
       {"'lengths'"}},
      {"policy without its type", "type: poisson, ", "", "6:13", {"missing key 'type'", "poisson"}},
      {"text with a line break",
       "requests: 20",
       "requests: \"2\\n0\"",
       "5:13",
       {"expected a whole number"}},
  });
}

TEST(BadScenario, Names) {
  check({
      {"unknown model", "olmoe", "mixtrall-8x7b", "1:15", {"did you mean 'mixtral-8x7b'?"}},
      {"unknown node", "hgx-h200", "hgx-h20", "2:17", {"did you mean 'hgx-h200'?"}},
      {"unknown device",
       "hgx-h200",
       "{profile: hgx-h200, device: h101-sxm}",
       "2:45",
       {"did you mean 'h100-sxm'?"}},
      {"unknown field of a node",
       "hgx-h200",
       "{profile: hgx-h200, gpu: 4}",
       "2:37",
       {"did you mean 'gpus'?"}},
      {"unknown arrivals", "poisson", "poison", "6:20", {"did you mean 'poisson'?"}},
      {"unknown policy", "", "engine: {scheduler: vlm-v1}\n", "8:21", {"did you mean 'vllm-v1'?"}},
      {"unknown router", "", "routing: {router: top_k}\n", "8:19", {"did you mean 'top-k'?"}},
      {"unknown fidelity",
       "",
       "network: {fidelity: analytical}\n",
       "8:21",
       {"did you mean 'analytic'?"}},
      {"unknown number format",
       "olmoe}",
       "olmoe, dtype: {experts: fp3}}",
       "1:39",
       {"unknown value 'fp3'"}},
  });
}

TEST(BadScenario, WhatCannotWork) {
  check({
      {"queues of experts that nobody knows",
       "",
       "engine: {scheduler: longest-expert-queue}\n",
       "",
       {"needs the section cache with by_request: true"}},
      {"a cache beside pipeline stages",
       "parallel: {tensor: 2, expert: 2}\n",
       "parallel: {pipeline: 2}\n"
       "cache: {slots_per_layer: 16, tiers: [{name: host, capacity: 100 GiB, "
       "bandwidth: 25 GB/s}]}\n",
       "4:8",
       {"pipeline stages are not simulated"}},
      {"where multiples of no padding end",
       "",
       "engine: {graph_padding_up_to: 64}\n",
       "8:31",
       {"graph_padding_up_to", "graph_padding: 8"}},
      {"small copies without lower precision",
       "parallel: {tensor: 2, expert: 2}\n",
       "parallel: {data: 8}\ncache: {slots_per_layer: 16, small_slots: 4, tiers: [{name: host, "
       "capacity: 100 GiB, bandwidth: 25 GB/s}]}\n",
       "",
       {"lower-precision"}},
      {"a cache beside a balancer",
       "parallel: {tensor: 2, expert: 2}\n",
       "parallel: {data: 8}\nrouting: {balancer: eplb}\n"
       "cache: {slots_per_layer: 16, tiers: [{name: host, capacity: 100 GiB, "
       "bandwidth: 25 GB/s}]}\n",
       "5:8",
       {"beside a balancer", "not simulated"}},
      {"a cache under a router with rounds",
       "parallel: {tensor: 2, expert: 2}\n",
       "parallel: {data: 8}\nrouting: {router: chain-of-experts}\n"
       "cache: {slots_per_layer: 16, tiers: [{name: host, capacity: 100 GiB, "
       "bandwidth: 25 GB/s}]}\n",
       "5:8",
       {"'chain-of-experts'", "not simulated"}},
      {"heads do not divide",
       "tensor: 2, expert: 2",
       "tensor: 3",
       "3:11",
       {"16 attention heads", "16 / 3 = 5.333"}},
      {"more GPUs than the cluster",
       "tensor: 2",
       "tensor: 16",
       "3:11",
       {"= 16 GPUs, the cluster has 8"}},
      {"experts do not divide", "expert: 2", "expert: 5", "3:11", {"5 / 2 = 2.500"}},
      {"zero ranks", "tensor: 2", "tensor: 0", "3:20", {"tensor must be at least 1"}},
      {"a batch that no counter holds",
       "workload:",
       "engine: {max_batched_tokens: 1000000000}\nworkload:",
       "3:11",
       {"exceeds 2e9 tokens in one step"}},
      {"requests that can never run",
       "input: 128",
       "input: 5000",
       "7:12",
       {"no request can be served: the shortest has 5008 tokens",
        "the longest that is served 4096"}},
      {"model larger than memory",
       "olmoe",
       "deepseek-r1",
       "1:15",
       {"does not fit", "GiB of weights per GPU", "use more"}},
      {"expert parallelism of a dense model",
       "olmoe",
       "llama-3.1-8b",
       "3:11",
       {"expert 2 for llama-3.1-8b, a dense model"}},
      {"encoder-decoder model",
       "olmoe",
       "switch-base-128",
       "1:15",
       {"encoder-decoder", "not simulated"}},
      {"the decoder of a decoder",
       "olmoe",
       "olmoe, decoder_alone: true",
       "1:15",
       {"olmoe-1b-7b is a decoder already"}},
      {"experts of a dense model",
       "olmoe",
       "llama-3.1-8b, experts: 8",
       "1:15",
       {"llama-3.1-8b has no routed experts"}},
      {"fewer experts than a token takes", "olmoe", "olmoe, experts: 4", "1:15", {"moe.top_k"}},
      {"whole models that do not fit",
       "",
       "composition: {models: 30, slots: 4, bytes: 10 GB, tiers: [{name: host, capacity: 256 GB, "
       "bandwidth: 25 GB/s}]}\n",
       "8:14",
       {"30 models of 10.0 GB do not fit in tier 'host', which holds 25", "fewer models"}},
      {"whole models on several replicas",
       "parallel: {tensor: 2, expert: 2}\n",
       "parallel: {data: 2}\ncomposition: {models: 30, slots: 4, bytes: 10 GB, tiers: [{name: "
       "host, capacity: 1 TB, bandwidth: 25 GB/s}]}\n",
       "4:14",
       {"one replica (data and pipeline 1)"}},
      {"swapping between pipeline stages",
       "parallel: {tensor: 2, expert: 2}\n",
       "parallel: {pipeline: 2}\nengine: {swap_bandwidth: 25 GB/s}\n",
       "3:11",
       {"engine.swap_bandwidth with pipeline stages", "leave it out"}},
      {"preload by an unknown rule",
       "parallel: {tensor: 2, expert: 2}\n",
       "parallel: {data: 8}\ncache: {slots_per_layer: 16, preload: populer, tiers: [{name: host, "
       "capacity: 100 GiB, bandwidth: 25 GB/s}]}\n",
       "4:39",
       {"did you mean 'popular'?"}},
      {"router that does not divide",
       "",
       "routing: {router: {type: group-limited, groups: 7}}\n",
       "8:19",
       {"64 experts do not divide into 7"}},
      {"nodes without a network",
       "hgx-h200",
       "{profile: hgx-h200, nics: 0}, nodes: 2",
       "2:10",
       {"no network adapter"}},
  });
}

TEST(BadScenario, YamlItself) {
  check({
      {"syntax", "model: {name: olmoe}", "model: {name: olmoe", "", {"YAML syntax: "}},
      {"tab", "  requests: 20", "\trequests: 20", "", {"YAML syntax: "}},
      {"tag", "requests: 20", "requests: !!int 20", "5:13", {"YAML tag"}},
      {"two documents", "", "---\na: 1\n", "9:1", {"more than one YAML document"}},
      {"unknown alias", "requests: 20", "requests: *n", "5:13", {"anchor is not defined"}},
      {"deep nesting", "", "seed: " + std::string(5000, '['), "", {"levels deep"}},
      {"recursive include", "", "include: bad.yaml\n", "8:10", {"recursive include"}},
      {"missing include",
       "",
       "include: nix.yaml\n",
       "8:10",
       {"nix.yaml: cannot read: No such file"}},
      {"include of a folder", "", "include: /\n", "8:10", {"it is a directory"}},
      {"variants that are a list", "", "variants: [a]\n", "8:11", {"expected a mapping from name"}},
      {"variant with an unknown key",
       "",
       "variants: {a: {modle: 3}}\n",
       "8:16",
       {"did you mean 'model'?"}},
  });
}

TEST(BadScenario, FilesThatAreNone) {
  const TemporaryDirectory directory;
  expect_one_helpful_line(
      run_binary({"run", directory.file("nix.yaml")}), "missing file",
      {directory.file("nix.yaml") + ": cannot read: No such file or directory"});
  expect_one_helpful_line(run_binary({"run", directory.path()}), "directory as file",
                          {"it is a directory"});
  for (const auto& [kind, text] :
       std::vector<std::pair<std::string, std::string>>{{"empty", ""},
                                                        {"comment", "# nothing\n"},
                                                        {"list", "- 1\n"},
                                                        {"word", "hello\n"},
                                                        {"bytes", {"\0\1\2\xff", 4}}}) {
    const auto path = write_file(directory, kind, text);
    expect_one_helpful_line(run_binary({"run", path}), kind, {path + ":1:"});
  }
}

TEST(BadScenario, UnreadableFile) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  const TemporaryDirectory directory;
  const auto path = write_file(directory, "secret.yaml", testing::kSmallScenario);
  std::filesystem::permissions(path, std::filesystem::perms::none);
  expect_one_helpful_line(run_binary({"run", path}), "unreadable",
                          {path + ": cannot read: Permission denied"});
}

TEST(BadScenario, RequestTraces) {
  const std::string header = "arrival_s,input_tokens,output_tokens\n";
  struct Case {
    std::string kind, text, place, holds;
  };
  const std::vector<Case> cases = {
      {"empty trace", "", ":1:1: ", "empty trace"},
      {"header only", header, ":2:1: ", "empty trace: no requests after the header"},
      {"malformed row", header + "0,3\n", ":2:3: ", "2 cells, but the header has 3"},
      {"negative tokens", header + "0,3,4\n1,-3,4\n", ":3:3: ", "input tokens: -3"},
      {"word for a number", header + "0,three,4\n", ":2:3: ", "found 'three'"},
      {"negative time", header + "-1,3,4\n", ":2:1: ", "arrival time -1 is negative"},
      {"unknown header", "when,in,out\n0,3,4\n",
       ":1:1: ", "names no column with the arrival time"}};
  const TemporaryDirectory directory;
  const auto scenario = write_file(directory, "s.yaml", testing::kSmallScenario);
  for (const auto& [kind, text, place, holds] : cases) {
    const auto trace = write_file(directory, "trace.csv", text);
    expect_one_helpful_line(run_binary({"run", scenario, "-s", "workload.trace=" + trace}), kind,
                            {"moesim: " + trace + place, holds});
  }
  const auto missing = write_file(directory, "m.yaml",
                                  "model: {name: olmoe}\ncluster: {node: hgx-h200}\n"
                                  "workload: {trace: nix.csv}\n");
  expect_one_helpful_line(run_binary({"run", missing}), "missing trace",
                          {missing + ":3:19: no such file: nix.csv"});
}

std::string repeated(const std::string& cell, int times, const std::string& first = "") {
  std::string row = first.empty() ? cell : first;
  for (int i = 1; i < times; ++i) row += "," + cell;
  return row + "\n";
}

TEST(BadScenario, RoutingTraces) {
  std::string header = "l1";
  for (int layer = 2; layer <= 16; ++layer)
    header += ",l" + std::to_string(layer);  // OLMoE: 16 layers, 8 of 64
  header += "\n";
  const std::string cell = "0 1 2 3 4 5 6 7";
  struct Case {
    std::string kind, text, place, holds;
  };
  const std::vector<Case> cases = {
      {"wrong expert", header + repeated(cell, 16, "0 1 2 3 4 5 6 99"),
       ":2:15: ", "expert 99 does not exist: the model has 64"},
      {"too few experts", header + repeated(cell, 16, "0 1"),
       ":2:", "2 experts in a cell, the model chooses 8"},
      {"twice", header + repeated(cell, 16, "0 0 2 3 4 5 6 7"),
       ":2:3: ", "expert 0 is chosen twice"},
      {"short row", header + repeated(cell, 12), ":2:", "12 cells, but the header has 16"},
      {
          "missing layer",
          "l1,l2\n" + repeated(cell, 2),
          ":1:1: ",
          "2 layer columns",
      },
      {"no tokens", header, ":2:1: ", "no tokens"}};
  const TemporaryDirectory directory;
  const auto scenario = write_file(directory, "s.yaml", testing::kSmallScenario);
  for (const auto& [kind, text, place, holds] : cases) {
    const auto trace = write_file(directory, "routing.csv", text);
    expect_one_helpful_line(
        run_binary({"run", scenario, "-s", "routing.source={type: trace, file: " + trace + "}"}),
        kind, {"moesim: " + trace + place, holds});
  }
  const auto good =
      write_file(directory, "routing.csv", header + repeated(cell, 16) + repeated(cell, 16));
  EXPECT_EQ(
      run_binary({"run", scenario, "-s", "routing.source={type: trace, file: " + good + "}"}).code,
      0);
}

TEST(BadCommandLine, IsRefusedInOneLineToo) {
  const TemporaryDirectory directory;
  const auto file = write_file(directory, "s.yaml", testing::kSmallScenario);
  struct Case {
    std::string kind;
    std::vector<std::string> arguments;
    std::string holds;
  };
  const std::vector<Case> cases = {
      {"nothing", {}, "--help"},
      {"unknown command", {"runn", file}, "unknown command 'runn'; did you mean 'run'?"},
      {"unknown option", {"run", file, "--jsn", "x"}, "--jsn"},
      {"no file", {"run"}, "files"},
      {"bad seed",
       {"run", file, "--seed", "abc"},
       "expected a whole number of at least 0, found 'abc'"},
      {"negative seed", {"run", file, "--seed", "-1"}, "found '-1'"},
      {"unknown format", {"run", file, "--format", "x"}, "--format"},
      {"override without =", {"run", file, "-s", "seed"}, "-s seed: expected key.path=value"},
      {"unknown override",
       {"run", file, "-s", "enginee.max_sequences=4"},
       "did you mean 'engine'?"},
      {"unknown override below",
       {"run", file, "-s", "engine.max_sequence=4"},
       "did you mean 'max_sequences'?"},
      {"override of a wrong type",
       {"run", file, "-s", "workload.requests=ten"},
       "-s workload.requests=ten"},
      {"unknown variant", {"run", file, "--variant", "x"}, "no variant 'x'"},
      {"several runs in one CSV",
       {"run", file, file, "--csv", directory.file("x.csv")},
       "--out DIR"},
      {"several runs in one timeline",
       {"run", file, file, "--trace", directory.file("x.json")},
       "--out DIR"},
      {"output in no folder", {"run", file, "--json", "/nix/x.json"}, "/nix/x.json: cannot write"},
      {"output over a folder", {"run", file, "--csv", directory.path()}, "it is a directory"},
      {"output folder that is a file", {"run", file, "--out", file}, "cannot write"},
      {"two outputs on stdout",
       {"run", file, "--json", "-", "--csv", "-"},
       "standard output takes one"},
      {"unknown slot", {"list", "nonsense"}, "unknown slot 'nonsense'"},
      {"unknown model", {"model", "show", "mixtrall-8x7b"}, "did you mean 'mixtral-8x7b'?"},
      {"comparison of a scenario", {"compare", file, file}, "not JSON"},
      {"comparison of nothing", {"compare", "nix-a", "nix-b"}, "nix-a: cannot read"}};
  for (const auto& [kind, arguments, holds] : cases)
    expect_one_helpful_line(run_binary(arguments), kind, {holds});
}

}  // namespace
}  // namespace moesim
